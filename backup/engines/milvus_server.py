"""A Milvus server as backups ask it: by its own protocol, in which rows are columns of bytes and no value is converted."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pymilvus import MilvusClient, MilvusException
from pymilvus.grpc_gen import milvus_pb2, milvus_pb2_grpc

from init import transport
from init.engines import milvus_access
from init.engines.base import required, retry
from init.engines.milvus_collections import ERRORS, SERVICE, describe, is_transient
from init.protocol import Failure

# https://milvus.io/docs/limitations.md: an insert takes 64 MB. What a page of rows may have, in memory three times.
MOST_BYTES = 32 << 20
COLLECTION_GONE, PARTITION_GONE, ALIAS_EXISTS, INDEX_GONE = 100, 200, 1602, 700
FIX = "look at the Milvus container's log, and try again"
_TIMEOUT_SECONDS = 10
_REQUEST_SECONDS = 120.0
# A question that is not answered is asked again: Milvus 2.3.5 was seen to leave one open while collections were loaded.
_ANSWER_SECONDS, _PATIENCE_SECONDS = 20.0, 90.0
_SENT_BYTES = 64 << 20


class Server:
    """One connection as the administrator. What the server refuses is raised as the client's exception, with its code."""

    def __init__(self, connection: Mapping[str, Any], client: MilvusClient) -> None:
        self.client = client
        self._metadata: list[tuple[str, str]] = []
        if required(connection, "authorization", bool):
            credentials = f"{required(connection, 'user', str)}:{required(connection, 'password', str)}"
            self._metadata = [("authorization", base64.b64encode(credentials.encode()).decode())]
        limits = [("grpc.max_receive_message_length", MOST_BYTES), ("grpc.max_send_message_length", _SENT_BYTES)]
        self._channel = transport.channel(connection, limits)
        self._stub = milvus_pb2_grpc.MilvusServiceStub(self._channel)

    def close(self) -> None:
        """Give everything back."""
        self._channel.close()
        self.client.close()

    def version(self) -> str:
        """Return the server's version without its build's name."""
        return str(self.client.get_server_version()).removeprefix("v").split("-")[0]

    def ask(self, method: str, **fields: Any) -> Any:
        """Ask for something that changes nothing, with patience for a server that is bringing collections back."""
        request = getattr(milvus_pb2, f"{method}Request")(**fields)
        return retry(
            lambda: self.send(method, request, _ANSWER_SECONDS),
            engine=SERVICE,
            transient=is_transient,
            fix=FIX,
            seconds=_PATIENCE_SECONDS,
            trouble=f"{method} is not answered",
        )

    def do(self, method: str, **fields: Any) -> Any:
        """Make one request, once; the fields are the protocol's. The answer is as the protocol has it."""
        return self.send(method, getattr(milvus_pb2, f"{method}Request")(**fields))

    def send(self, method: str, request: Any, seconds: float = _REQUEST_SECONDS) -> Any:
        """Make one request that is built already."""
        answer = getattr(self._stub, method)(request, metadata=self._metadata, timeout=seconds)
        status = getattr(answer, "status", answer)
        # An older server may set only the first of the two.
        if status.code or status.error_code:
            raise MilvusException(status.code or status.error_code, status.reason)
        return answer

    def names(self, database: str) -> list[str]:
        """Return the names of a database's collections, sorted; aliases are not among them."""
        return sorted(self.ask("ShowCollections", db_name=database).collection_names)

    def databases(self) -> list[str]:
        """Return the names of all databases, sorted."""
        return sorted(self.ask("ListDatabases").db_names)


@contextmanager
def opened(connection: Mapping[str, Any], kind: str) -> Iterator[Server]:
    """Provide a connection; what goes wrong in it is a Failure of that kind."""
    # Only the initialization gives root its password.
    existing = {**connection, "must_exist": True}
    client = retry(
        lambda: milvus_access.connect(existing, timeout=_TIMEOUT_SECONDS),
        engine=SERVICE,
        transient=is_transient,
        fix=FIX,
    )
    server = Server(connection, client)
    try:
        yield server
    except ERRORS as error:
        raise Failure(kind, f"{SERVICE}: {describe(error)}", FIX) from None
    finally:
        server.close()

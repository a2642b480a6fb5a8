"""etcd: Milvus' metadata, and no schema of its own. It is asked over its JSON gateway, which needs no client library."""

import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from init import transport
from init.engines.base import Seeds, Service, first_line, required, retry
from init.migrations import LedgerEntry
from init.protocol import Failure

_SERVICE = "etcd"
_TIMEOUT_SECONDS = 5
_FIX = "look at the etcd container's log"
# https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/: a range from the zero byte to the zero byte is every key.
_EVERY_KEY = {"key": "AA==", "range_end": "AA==", "count_only": True}


class Driver(Service):
    """etcd over HTTP."""

    _url: str
    _version: str
    _context: ssl.SSLContext | None

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Ask for the server's version."""
        self._context = transport.context(connection)
        scheme = "https" if self._context else "http"
        self._url = f"{scheme}://{required(connection, 'host', str)}:{required(connection, 'port', int)}"
        facts = retry(lambda: self._ask("/version"), engine=_SERVICE, transient=_is_transient, fix=_FIX)
        self._version = str(facts["etcdserver"])

    def server_version(self) -> str:
        """Return the server's version."""
        return self._version

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Return (): there are no migrations."""
        return ()

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Add nothing."""
        return {}

    def probe(self) -> None:
        """Count the keys, as `verify` does."""
        self.verify()

    def verify(self) -> dict[str, int]:
        """Count the keys: a linearizable read, which a member without a leader cannot answer."""
        try:
            return {"keys": int(self._ask("/v3/kv/range", _EVERY_KEY).get("count", 0))}
        except OSError as error:
            raise Failure("VerificationFailed", f"etcd: {first_line(error)}", _FIX) from None

    def contents(self) -> dict[str, int]:
        """Return {}: what is there is Milvus' own."""
        return {}

    def wipe(self) -> None:
        """Remove nothing: Milvus takes its own away."""

    def close(self) -> None:
        """Hold nothing."""

    def _ask(self, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self._url}{path}", data=data)  # noqa: S310 - http
        with urlopen(request, timeout=_TIMEOUT_SECONDS, context=self._context) as answer:  # noqa: S310 - likewise
            document: Mapping[str, Any] = json.load(answer)
            return document


def _is_transient(error: Exception) -> bool:
    """Whether a server that is starting would answer so."""
    return isinstance(error, URLError | ConnectionError | TimeoutError)

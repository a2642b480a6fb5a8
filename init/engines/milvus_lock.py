"""Writes of the application, refused for a while and allowed again: its role loses the privileges, and gets them back.

Milvus 2.3.5 passes changes of privileges on in the background, behind collections that were dropped, and not in the order
in which they were made: one that is still on its way may undo a later one. So each is waited for, by asking as the
application, before the next is made.
"""

import base64
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
from pymilvus import MilvusClient
from pymilvus.grpc_gen import milvus_pb2, milvus_pb2_grpc

from init import transport
from init.engines.base import log, required
from init.engines.milvus_access import ROLE

_WRITING = ("Insert", "Delete", "Upsert")
# Of no collection: the server looks at the privileges first.
_NOBODYS = "ai_karen_of_nobody"
_REQUEST_SECONDS = 10.0
_PATIENCE_SECONDS = 15.0
_REPEAT_SECONDS = 3.0
_PAUSE_SECONDS = 0.05


@contextmanager
def refusing_writes(client: MilvusClient, connection: Mapping[str, Any]) -> Iterator[None]:
    """Refuse the application's writes; after a cut, the next connection allows them again.

    What is written in spite of it is found and brought over, so that a server which takes long is waited for in vain.
    """
    _allow(client, connection)
    try:
        # Once: a second revocation could be on its way for longer than the copy takes.
        for privilege in _WRITING:
            client.revoke_privilege(ROLE, "Collection", privilege, "*", timeout=_REQUEST_SECONDS)
        if not _is(connection, allowed=False, seconds=_PATIENCE_SECONDS):
            log("milvus", "the application's writes are not refused yet, and are brought over later")
        yield
    finally:
        _allow(client, connection, grant=True)


def _allow(client: MilvusClient, connection: Mapping[str, Any], *, grant: bool = False) -> None:
    """Wait until the application may write; grant it at once, or only where it takes long."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up:
        for privilege in _WRITING if grant else ():
            client.grant_privilege(ROLE, "Collection", privilege, "*", timeout=_REQUEST_SECONDS)
        if _is(connection, allowed=True, seconds=_REPEAT_SECONDS):
            return
        grant = True
    log("milvus", "the application's writes are allowed, but still refused: restart Milvus if that lasts")


def _is(connection: Mapping[str, Any], *, allowed: bool, seconds: float) -> bool:
    """Whether all writes are allowed, or refused, within some seconds."""
    give_up = time.monotonic() + seconds
    while not all(_may(connection, privilege) is allowed for privilege in _WRITING):
        if time.monotonic() > give_up:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def _may(connection: Mapping[str, Any], privilege: str) -> bool:
    """Whether the application may make this request."""
    credentials = f"{required(connection, 'app_user', str)}:{required(connection, 'app_password', str)}"
    metadata = [("authorization", base64.b64encode(credentials.encode()).decode())]
    request = getattr(milvus_pb2, f"{privilege}Request")(collection_name=_NOBODYS)
    with transport.channel(connection) as channel:
        try:
            getattr(milvus_pb2_grpc.MilvusServiceStub(channel), privilege)(
                request, metadata=metadata, timeout=_REQUEST_SECONDS
            )
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.PERMISSION_DENIED:
                raise
            return False
    return True

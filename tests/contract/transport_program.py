"""A client on the network of servers: reads their connections from standard input, and prints how each took what."""

import io
import json
import logging
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from backup.engines import elasticsearch_server, milvus_server, minio_store, postgres_tools, redis_stream
from init import transport
from init.engines import load
from init.engines.base import set_patience
from init.protocol import Failure

Connection = Mapping[str, Any]
_PATIENCE_SECONDS = 1.0


def plain(connection: Connection) -> dict[str, Any]:
    """Return the connection of a client that does not encrypt."""
    return {
        key: value.replace("https://", "http://") if key in ("url", "endpoint") else value
        for key, value in connection.items()
        if key != transport.KEY
    }


def initialized(service: str, connection: Connection) -> None:
    """Connect as the initialization does, and ask."""
    driver = load(service)
    driver.connect(connection)
    driver.probe()
    driver.close()


def backed_up(service: str, connection: Connection) -> None:
    """Connect as a backup does, where that is by other ways."""
    if service == "postgres":
        with tempfile.TemporaryDirectory() as directory:
            postgres_tools.base_backup(connection, io.BytesIO(), Path(directory), expected=1, say=lambda _: None)
    elif service == "redis":
        with redis_stream.snapshot(connection) as replica:
            assert b"".join(replica.chunks()).startswith(b"REDIS")
    elif service == "elasticsearch":
        with elasticsearch_server.opened(connection) as search:
            assert search.pool.request("GET", "/").status == 200
    elif service == "minio":
        with minio_store.opened(connection) as store:
            store.buckets()
    elif service == "milvus":
        with milvus_server.opened(connection, "BackupFailed") as vectors:
            assert vectors.databases() == ["default"]


def told(attempt: Callable[[], None]) -> str:
    """Return `accepted`, or the kind of failure and what it says."""
    try:
        attempt()
    except Failure as failure:
        return f"{failure.kind}: {failure.message} Fix: {failure.fix}"
    except Exception as error:  # noqa: BLE001 - however a library puts it
        return f"{type(error).__name__}: {error}"
    return "accepted"


def main() -> None:
    """Ask every server in every way."""
    logging.disable(logging.CRITICAL)
    given = json.load(sys.stdin)
    found: dict[str, dict[str, str]] = {}
    for service, connection in given["connections"].items():
        ways = {
            "verified": lambda c=connection, s=service: initialized(s, c),
            "backup": lambda c=connection, s=service: backed_up(s, c),
            "other": lambda c=connection, s=service: initialized(s, {**c, transport.KEY: given["other"]}),
            "plain": lambda c=connection, s=service: initialized(s, plain(c)),
        }
        found[service] = {}
        for way, attempt in ways.items():
            set_patience(30.0 if way == "verified" else _PATIENCE_SECONDS)
            found[service][way] = told(attempt)
    print(json.dumps(found))


main()

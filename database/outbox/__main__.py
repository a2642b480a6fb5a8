"""The relay as a service: `python -m database.outbox`, configured as any application of the library, by the environment.

RELAY_SETTINGS is a JSON file with the same variables, which is read instead; RELAY_METRICS_PORT is where Prometheus finds the lag;
RELAY_HEARTBEAT is a file whose age tells since when an engine was not given what was due. Each does without.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import structlog

from database.errors import ConfigurationInvalid, DatabaseError
from database.manager import DatabaseManager
from database.outbox.heartbeat import Heartbeat
from database.outbox.service import serve
from database.settings import DatabaseSettings
from database.tenant import destinations

_SETTINGS, _PORT, _HEARTBEAT = "RELAY_SETTINGS", "RELAY_METRICS_PORT", "RELAY_HEARTBEAT"


async def main() -> None:
    """Deliver until SIGTERM or SIGINT; what is under way is finished first. ConfigurationInvalid before anything is connected."""
    port = _port(os.environ.get(_PORT, ""))
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    db = DatabaseManager(_settings(os.environ.get(_SETTINGS, "")))
    followers = destinations(db)
    if not followers:
        raise ConfigurationInvalid(
            "ENABLE_ELASTICSEARCH and ENABLE_MILVUS are false: there is nobody to deliver to",
            fix="turn one of them on, or do without the relay",
        )
    heartbeat = _heartbeat(os.environ.get(_HEARTBEAT, ""), [one.name for one in followers])
    if port is not None:
        from prometheus_client import start_http_server

        start_http_server(port)
    try:
        await serve(db.postgres.transaction, followers, stop, beat=heartbeat.beat if heartbeat else lambda _: None)
    finally:
        await db.close()


def _settings(path: str) -> DatabaseSettings:
    """Return the environment's settings, or those of a file; ConfigurationInvalid if it cannot be read."""
    if not path:
        return DatabaseSettings.from_env()
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        return DatabaseSettings.of({str(name): str(value) for name, value in found.items()})
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigurationInvalid(
            f"{_SETTINGS} is {path!r}, which cannot be used ({type(error).__name__}); allowed: a JSON file of an object with "
            "an application's variables",
            fix=f"set {_SETTINGS} to such a file, or leave it out",
        ) from None


def _port(value: str) -> int | None:
    """Return the port of the metrics; ConfigurationInvalid if it is none, or nothing can be told there."""
    if not value:
        return None
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise ConfigurationInvalid(f"{_PORT} is {value[:20]!r}; allowed: 1 to 65535", fix=f"set {_PORT} to a free port")
    if find_spec("prometheus_client") is None:
        raise ConfigurationInvalid(f"{_PORT} is set without prometheus_client", fix="install it, or leave the port out")
    return int(value)


def _heartbeat(path: str, parts: list[str]) -> Heartbeat | None:
    """Return the sign of life, if one is asked for; ConfigurationInvalid if it cannot be given there."""
    if not path:
        return None
    try:
        return Heartbeat(Path(path), parts)
    except OSError as error:
        raise ConfigurationInvalid(
            f"{_HEARTBEAT} is {path!r}, which cannot be written ({error.strerror}); allowed: a file in a directory of its own user",
            fix=f"set {_HEARTBEAT} to another file, or leave it out",
        ) from None


if __name__ == "__main__":
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(),
            structlog.processors.JSONRenderer(),
        ]
    )
    # It logs every failure with its stack; what fails is told here.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
    try:
        asyncio.run(main())
    except DatabaseError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None

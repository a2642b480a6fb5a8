"""The `load` action: a file's data, sent after the request, into one table, index or collection."""

import importlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from init import protocol
from init.engines.base import required
from init.loads.source import SUFFIXES
from init.protocol import Failure

# These have no transactions: a migration that copies at the same time would lose rows.
_WITHOUT_TRANSACTIONS = ("elasticsearch", "milvus")
_GUARD_SECONDS = 1.0


def load(request: Mapping[str, Any], stream: IO[bytes]) -> dict[str, Any]:
    """Load what follows the request on the stream; return how many rows or documents were added, and replaced."""
    engine, target = required(request, "engine", str), required(request, "target", str)
    if engine not in SUFFIXES:
        raise Failure("BadRequest", f"engine is {engine!r}; allowed: {', '.join(SUFFIXES)}", "name one of these")
    loader = importlib.import_module(f"init.loads.{engine}")
    connection = required(request, "connection", dict)
    with _alone(engine, request.get("coordination")) as guard:
        counts: dict[str, int] = loader.load(connection, target, _guarded(protocol.receive(stream), guard))
    return counts


@contextmanager
def _alone(engine: str, coordination: Mapping[str, Any] | None) -> Iterator[Callable[[], None]]:
    """Keep migrations of an engine without transactions out; `coordination` is the connection to PostgreSQL."""
    if coordination is None or engine not in _WITHOUT_TRANSACTIONS:
        yield lambda: None
        return
    from init.engines.postgres_connection import connect
    from init.runner.lock import Lock

    with connect(coordination, application=f"ai-karen load {engine}") as connection:
        lock = Lock(connection, engine)
        with lock.held():
            yield lock.check


def _guarded(pieces: Iterable[bytes], guard: Callable[[], None]) -> Iterator[bytes]:
    """Return the pieces as long as nobody else may be at work."""
    checked = time.monotonic()
    for piece in pieces:
        if time.monotonic() - checked > _GUARD_SECONDS:
            guard()
            checked = time.monotonic()
        yield piece

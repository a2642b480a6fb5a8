"""The relays of all engines in one process, and the measure of how far each is behind."""

import asyncio
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from database.errors import DatabaseError
from database.outbox import entries
from database.outbox.model import Destination, Lag, Transaction
from database.outbox.relay import Relay

if TYPE_CHECKING:
    from prometheus_client import Gauge

_log: structlog.stdlib.BoundLogger = structlog.get_logger("database.outbox")
_MEASURE_SECONDS = 5.0
Told = Callable[[Lag], None]


async def serve(
    transaction: Transaction,
    destinations: Sequence[Destination],
    stop: asyncio.Event,
    *,
    told: Told | None = None,
    beat: Callable[[str], None] = lambda _: None,
    measure_seconds: float = _MEASURE_SECONDS,
) -> None:
    """Deliver to every engine until `stop` is set, each at its own pace.

    `told` gets the lags, by default Prometheus; `beat` the name of an engine whenever it was given what was due.
    """
    _log.info("relay started", engines=[one.name for one in destinations])
    async with asyncio.TaskGroup() as group:
        for destination in destinations:
            group.create_task(Relay(transaction, destination).run(stop, beat))
        group.create_task(
            _measure(transaction, [one.name for one in destinations], stop, told or _publish, measure_seconds)
        )
    _log.info("relay stopped")


async def _measure(
    transaction: Transaction, destinations: Sequence[str], stop: asyncio.Event, told: Told, seconds: float
) -> None:
    while not stop.is_set():
        try:
            async with transaction() as connection:
                found = await entries.lag(connection, destinations)
        except DatabaseError as error:
            _log.warning("lag unknown", engine=error.engine, error=type(error).__name__, message=error.message)
        else:
            for one in found:
                told(one)
        try:
            await asyncio.wait_for(stop.wait(), seconds)
        except TimeoutError:
            continue


def _publish(lag: Lag) -> None:
    for gauge, value in zip(_gauges(), (lag.pending, lag.seconds, lag.dead_letters), strict=False):
        gauge.labels(lag.destination).set(value)


@cache
def _gauges() -> "tuple[Gauge, ...]":
    """Return the process' gauges, none where the package is not installed."""
    if find_spec("prometheus_client") is None:
        return ()
    from prometheus_client import Gauge

    return (
        Gauge("database_outbox_pending", "Entries that an engine does not have yet", ["engine"]),
        Gauge("database_outbox_lag_seconds", "Age of the oldest of them", ["engine"]),
        Gauge("database_outbox_dead_letters", "Memories that an engine refuses", ["engine"]),
    )

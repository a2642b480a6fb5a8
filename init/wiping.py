"""The `wipe` action: every engine of a stack brought back to how it was found empty, in one job."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, TypeVar, cast

from init.engines import NAMES, load
from init.engines.base import WIPE_FAILED, Service, log, required
from init.protocol import Failure
from init.reports import combined
from init.runner.actions import engine_name
from init.runner.lock import Lock
from init.runner.name import runner_name
from init.runner.run import COORDINATING, Coordinating

_LOCK_SECONDS = 10.0
_NOT_CONNECTED = "ConnectionFailed"
Drivers = dict[str, Service]
Result = TypeVar("Result")


def wipe(request: Mapping[str, Any]) -> dict[str, Any]:
    """Empty every engine of the request, PostgreSQL last; return the seconds that each took.

    Nothing is touched before every engine is connected to (of a DuckDB file, that is having its lease) and no migration
    of any of them is running: Locked names who runs one. WipeFailed is what fails only after that.
    """
    connections = {engine_name(name): one for name, one in required(request, "engines", dict).items()}
    runner = str(request.get("runner") or runner_name())
    with ExitStack() as opened:
        try:
            drivers = _connected(connections, runner, opened)
            locks = _locked(drivers, opened, float(request.get("lock_seconds") or _LOCK_SECONDS))
        except Failure as failure:
            raise Failure(failure.kind, f"{failure.message}; nothing was touched", failure.fix) from None
        try:
            seconds = _all_emptied(drivers, locks)
        except Failure as failure:
            raise Failure(WIPE_FAILED, f"{failure.message}; what is empty already stays so", failure.fix) from None
    return {"engines": {name: {"seconds": value} for name, value in seconds.items()}}


def _connected(connections: Mapping[str, Any], runner: str, opened: ExitStack) -> Drivers:
    """Connect to all at once; what is connected is closed with `opened`, also when another is not."""
    if COORDINATING not in connections:
        raise Failure("BadRequest", f"engines has no {COORDINATING}, where the locks are", f"send {COORDINATING}")

    def connect(name: str, connection: Mapping[str, Any]) -> Service:
        driver = load(name)
        driver.connect({**connection, "runner": runner})
        opened.callback(driver.close)
        return driver

    with ThreadPoolExecutor(max_workers=len(connections)) as pool:
        return _results({name: pool.submit(connect, name, one) for name, one in connections.items()}, _NOT_CONNECTED)


def _locked(drivers: Drivers, opened: ExitStack, seconds: float) -> list[Lock]:
    """Take every engine's lock, in one order for all who do."""
    connection = cast(Coordinating, drivers[COORDINATING]).connection
    locks = [Lock(connection, name) for name in NAMES if name in drivers]
    for lock in locks:
        opened.enter_context(lock.held(seconds))
    return locks


def _all_emptied(drivers: Drivers, locks: Sequence[Lock]) -> dict[str, float]:
    others = [name for name in drivers if name != COORDINATING]
    with ThreadPoolExecutor(max_workers=len(drivers)) as pool:
        seconds = _results({name: pool.submit(_emptied, name, drivers[name]) for name in others}, WIPE_FAILED)
        # With its database, PostgreSQL takes the locks away.
        for lock in locks:
            lock.check()
        last = {COORDINATING: pool.submit(_emptied, COORDINATING, drivers[COORDINATING])}
        return seconds | _results(last, WIPE_FAILED)


def _emptied(name: str, driver: Service) -> float:
    started = time.perf_counter()
    driver.wipe()
    seconds = round(time.perf_counter() - started, 3)
    log(name, f"emptied in {seconds:.2f} s")
    return seconds


def _results(jobs: Mapping[str, Future[Result]], kind: str) -> dict[str, Result]:
    """Wait for all; a failure names every engine that failed, and is of this kind if several did."""
    failures = [_failure(name, error) for name, job in jobs.items() if (error := job.exception()) is not None]
    if failures:
        raise combined(failures, kind)
    return {name: job.result() for name, job in jobs.items()}


def _failure(name: str, error: BaseException) -> Failure:
    if isinstance(error, Failure):
        return error
    return Failure("Unexpected", f"{name}: {type(error).__name__}: {error}", "look at the server's log, or report this")

"""What the library tells of itself: structured logs; spans and metrics where OpenTelemetry and Prometheus are there."""

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from database.errors import DatabaseError

# Called when an operation has ended, with its error if it failed.
Finish = Callable[[BaseException | None], None]
_log: structlog.stdlib.BoundLogger = structlog.get_logger("database")


class Observer(Protocol):
    """Who looks on: at each operation, at the breakers' states, at attempts."""

    def started(self, engine: str, operation: str) -> Finish | None:
        """Take note of an operation; return what to call at its end, if anything."""

    def breaker(self, engine: str, state: str) -> None:
        """Take note of a breaker's new state."""

    def retried(self, engine: str, operation: str) -> None:
        """Take note of another attempt."""


class Telemetry:
    """Tells whoever is there; where nobody is, nothing is spent on it."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._observers = tuple(observers)

    @classmethod
    def found(cls) -> "Telemetry":
        """Return one with what is installed: OpenTelemetry, Prometheus, both, or neither."""
        from database import telemetry_opentelemetry, telemetry_prometheus

        made = (telemetry_opentelemetry.observer(), telemetry_prometheus.observer())
        return cls([one for one in made if one is not None])

    def started(self, engine: str, operation: str) -> Finish:
        """Tell of an operation that begins; return what to call at its end."""
        finish: Finish | None = None
        for observer in self._observers:
            if (end := observer.started(engine, operation)) is not None:
                finish = end if finish is None else _both(finish, end)
        return finish or _nothing

    def breaker(self, engine: str, state: str) -> None:
        """Tell of a breaker's new state."""
        (_log.info if state == "closed" else _log.warning)("breaker", engine=engine, state=state)
        for observer in self._observers:
            observer.breaker(engine, state)

    def retried(self, error: DatabaseError, attempt: int) -> None:
        """Tell that an operation is tried again, and why."""
        _log.warning(
            "retry", engine=error.engine, operation=error.operation, attempt=attempt, error=type(error).__name__
        )
        for observer in self._observers:
            observer.retried(error.engine, error.operation)

    def opened(self, engine: str, seconds: float) -> None:
        """Tell that a client is connected."""
        _log.info("opened", engine=engine, milliseconds=round(seconds * 1000, 1))

    def closed(self, engine: str) -> None:
        """Tell that a client has given everything back."""
        _log.info("closed", engine=engine)

    def failed_to_open(self, error: DatabaseError) -> None:
        """Tell that an engine could not be reached at start-up; it is tried again when it is asked."""
        _log.warning("not opened", engine=error.engine, error=type(error).__name__, message=error.message)


def _both(first: Finish, second: Finish) -> Finish:
    def finish(error: BaseException | None) -> None:
        first(error)
        second(error)

    return finish


def _nothing(_: BaseException | None) -> None:
    return

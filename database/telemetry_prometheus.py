"""Prometheus: how long operations take, how they end, and what the breakers do, if the package is there."""

from functools import cache
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING

from database.telemetry import Finish

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram

_STATES = {"closed": 0, "half_open": 1, "open": 2}
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@cache
def observer() -> "PrometheusObserver | None":
    """Return the process' one observer, or None where the package is not installed."""
    if find_spec("prometheus_client") is None:
        return None
    from prometheus_client import Counter, Gauge, Histogram

    return PrometheusObserver(
        Histogram("database_operation_seconds", "Duration of operations", ["engine", "operation"], buckets=_BUCKETS),
        Counter("database_operation_errors", "Operations that failed", ["engine", "operation", "error"]),
        Counter("database_retries", "Attempts after the first", ["engine", "operation"]),
        Gauge("database_breaker_state", "0 closed, 1 half open, 2 open", ["engine"]),
    )


class PrometheusObserver:
    """Measures, in the default registry."""

    def __init__(self, seconds: "Histogram", errors: "Counter", retries: "Counter", states: "Gauge") -> None:
        self._seconds = seconds
        # To look a label's own up costs more than to measure.
        self._measured: dict[tuple[str, str], Histogram] = {}
        self._errors = errors
        self._retries = retries
        self._states = states

    def started(self, engine: str, operation: str) -> Finish:
        """Measure an operation."""
        measured = self._measured.get((engine, operation))
        if measured is None:
            measured = self._measured.setdefault((engine, operation), self._seconds.labels(engine, operation))
        began = perf_counter()

        def finish(error: BaseException | None) -> None:
            measured.observe(perf_counter() - began)
            if error is not None:
                self._errors.labels(engine, operation, type(error).__name__).inc()

        return finish

    def breaker(self, engine: str, state: str) -> None:
        """Set a breaker's state."""
        self._states.labels(engine).set(_STATES[state])

    def retried(self, engine: str, operation: str) -> None:
        """Count another attempt."""
        self._retries.labels(engine, operation).inc()

"""OpenTelemetry: a client span for each operation, if the package is there and the application has set up its SDK."""

from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING

from database.telemetry import Finish

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

# https://opentelemetry.io/docs/specs/semconv/database/
_SYSTEMS = {"postgres": "postgresql", "minio": "aws.s3"}
# To ask for an SDK costs more than a span would be worth to those who have none.
_LOOK_AGAIN_SECONDS = 1.0


def observer() -> "OpenTelemetryObserver | None":
    """Return an observer, or None where the package is not installed."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.trace") is None:
        return None
    from opentelemetry import trace

    return OpenTelemetryObserver(trace.get_tracer("database"))


class OpenTelemetryObserver:
    """Starts spans, from the second on in which the application has set up an SDK that takes them."""

    def __init__(self, tracer: "Tracer") -> None:
        from opentelemetry import trace

        self._trace = trace
        self._tracer = tracer
        self._is_set_up = False
        self._look_again = 0.0

    def started(self, engine: str, operation: str) -> Finish | None:
        """Start an operation's span; its error is named by its kind, for a message may hold data."""
        if not self._is_set_up and (monotonic() < self._look_again or not self._look()):
            return None
        trace = self._trace
        system = _SYSTEMS.get(engine, engine)
        span = self._tracer.start_span(
            f"{engine} {operation}",
            kind=trace.SpanKind.CLIENT,
            attributes={"db.system.name": system, "db.operation.name": operation},
        )

        def finish(error: BaseException | None) -> None:
            if error is not None:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(trace.Status(trace.StatusCode.ERROR))
            span.end()

        return finish

    def _look(self) -> bool:
        """Whether there is an SDK by now: one that is set stays."""
        self._look_again = monotonic() + _LOOK_AGAIN_SECONDS
        self._is_set_up = not isinstance(self._trace.get_tracer_provider(), self._trace.ProxyTracerProvider)
        return self._is_set_up

    def breaker(self, engine: str, state: str) -> None:
        """Add an event to the span under way."""
        self._trace.get_current_span().add_event("breaker", {"engine": engine, "state": state})

    def retried(self, engine: str, operation: str) -> None:
        """Add an event to the span under way."""
        self._trace.get_current_span().add_event("retry", {"engine": engine, "operation": operation})

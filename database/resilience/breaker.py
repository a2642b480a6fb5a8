"""One breaker for each engine: after failures in a row it is left alone, until one caller has found that it is back."""

import threading
from collections.abc import Callable
from typing import Literal

from pyresilience import CircuitBreaker, CircuitBreakerConfig, CircuitState

from database.errors import CircuitOpen

State = Literal["closed", "open", "half_open"]
_STATES: dict[CircuitState, State] = {
    CircuitState.CLOSED: "closed",
    CircuitState.OPEN: "open",
    CircuitState.HALF_OPEN: "half_open",
}


class Breaker:
    """Whether an engine may be asked. Nothing in it waits, so that it serves coroutines and threads alike.

    `troubled` is False while nothing has failed: then nobody needs to ask it anything.
    """

    def __init__(
        self, engine: str, *, failures: int, seconds: float, told: Callable[[State], None] = lambda _: None
    ) -> None:
        """Open after a number of failures in a row, for some seconds; `told` is called with each new state."""
        self._engine = engine
        self._seconds = seconds
        self._told = told
        self._circuit = CircuitBreaker(
            CircuitBreakerConfig(failure_threshold=failures, recovery_timeout=seconds, success_threshold=1)
        )
        self._finding_out = threading.Lock()
        # A state and what is concluded from it belong together, whatever other threads do.
        self._changing = threading.RLock()
        self._last: State = "closed"
        self.troubled = False

    @property
    def state(self) -> State:
        """Return what it is now."""
        return _STATES[self._circuit.state]

    def admit(self, operation: str) -> bool:
        """Return whether this caller is the one to find out if the engine is back; CircuitOpen if it is left alone.

        Who is calls `found_out` afterwards, whatever happens.
        """
        state = self.state
        if state == "closed":
            return False
        if state == "half_open" and self._finding_out.acquire(blocking=False):
            return True
        raise self.open(operation)

    def found_out(self, *, is_back: bool | None) -> None:
        """Say what the one who was to find out has found; None is nothing, for it was cancelled."""
        try:
            if is_back:
                self.succeeded()
            elif is_back is not None:
                with self._changing:
                    self._circuit.record_failure()
                    self._tell()
        finally:
            # Also when `told` fails: nobody else could find out any more.
            self._finding_out.release()

    def succeeded(self) -> None:
        """Count an answer of the engine, be it an error."""
        with self._changing:
            self._circuit.record_success()
            self.troubled = self.state != "closed"
            self._tell()

    def failed(self) -> None:
        """Count a failure to get one; while it is open, those that were sent before come in late and say nothing new."""
        with self._changing:
            self.troubled = True
            if self.state == "closed":
                self._circuit.record_failure()
                self._tell()

    def open(self, operation: str) -> CircuitOpen:
        """Return the error of one who is not let through."""
        return CircuitOpen(
            f"it has failed repeatedly, and is asked again within {self._seconds:g} s",
            self._engine,
            operation,
            f"see that {self._engine} is up: ./karen status",
        )

    def _tell(self) -> None:
        state = self.state
        if state != self._last:
            self._last = state
            self._told(state)

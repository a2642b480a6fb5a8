"""Trying again: entered only after a failure, and only for what may be repeated."""

from typing import Any

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from database.errors import DatabaseError
from database.settings.resilience import ResilienceSettings
from database.telemetry import Telemetry


def is_transient(error: BaseException) -> bool:
    """Whether the same may succeed a moment later."""
    return isinstance(error, DatabaseError) and error.transient


def asynchronous(settings: ResilienceSettings, telemetry: Telemetry) -> AsyncRetrying:
    """Return a policy for coroutines, whose first attempt is the one that has failed already."""
    return AsyncRetrying(**_policy(settings, telemetry))


def synchronous(settings: ResilienceSettings, telemetry: Telemetry) -> Retrying:
    """Return the same for threads."""
    return Retrying(**_policy(settings, telemetry))


def _policy(settings: ResilienceSettings, telemetry: Telemetry) -> dict[str, Any]:
    return {
        "retry": retry_if_exception(is_transient),
        "stop": stop_after_attempt(settings.attempts),
        "wait": wait_random_exponential(multiplier=settings.first_pause, max=settings.longest_pause),
        "before_sleep": lambda state: _tell(state, telemetry),
        "reraise": True,
    }


def _tell(state: RetryCallState, telemetry: Telemetry) -> None:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, DatabaseError):
        telemetry.retried(error, state.attempt_number)

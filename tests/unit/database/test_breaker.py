"""The breaker under threads: a state, and what is concluded from it, come together."""

import threading
import time
from typing import Any

import pytest

from database.resilience.breaker import Breaker


class _Held:
    """A circuit whose answer to the first question arrives when somebody else has had time to fail."""

    def __init__(self, circuit: Any) -> None:
        self._circuit = circuit
        self.asked = threading.Event()
        self.failed = threading.Event()

    def record_success(self) -> None:
        self._circuit.record_success()

    def record_failure(self) -> None:
        self._circuit.record_failure()

    @property
    def state(self) -> Any:
        state = self._circuit.state
        if not self.asked.is_set():
            self.asked.set()
            self.failed.wait(0.2)
        return state


def test_a_success_that_meets_a_failure_does_not_hide_that_the_breaker_is_open() -> None:
    breaker = Breaker("postgres", failures=1, seconds=60)
    breaker.troubled = True
    held = _Held(breaker._circuit)
    breaker._circuit = held  # type: ignore[assignment]
    succeeding = threading.Thread(target=breaker.succeeded)
    succeeding.start()
    held.asked.wait()
    breaker.failed()
    held.failed.set()
    succeeding.join()
    assert breaker.state == "open"
    assert breaker.troubled


def test_an_observer_that_fails_keeps_nobody_from_finding_out() -> None:
    is_broken = False

    def told(_: str) -> None:
        if is_broken:
            raise OSError("nobody reads the log any more")

    breaker = Breaker("redis", failures=1, seconds=0.01, told=told)
    breaker.failed()
    time.sleep(0.02)
    assert breaker.admit("get")
    is_broken = True
    with pytest.raises(OSError, match="nobody reads"):
        breaker.found_out(is_back=True)
    is_broken = False
    breaker.failed()
    time.sleep(0.02)
    assert breaker.admit("get")

"""Asking an engine: what is wrong stays known while it is asked again, and nothing is left in one that somebody works on."""

import threading
import time
from collections.abc import Callable

import pytest

from init.protocol import Failure
from monitor import prober
from monitor.model import NO_ANSWER
from monitor.prober import Prober


class Engine:
    """A driver that does what a test says."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.refusing = False
        self.open = 0

    def connect(self, _: object) -> None:
        self.go.wait(10)
        if self.refusing:
            raise Failure("AuthenticationFailed", "redis: the password was refused", "give it the right one")
        self.open += 1

    def probe(self) -> None:
        self.go.wait(10)

    def examine(self, *_: object) -> None:
        """Read nothing."""

    def server_version(self) -> str:
        return "1"

    def close(self) -> None:
        self.open -= 1


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    found = Engine()
    monkeypatch.setattr(prober, "load", lambda _: found)
    return found


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def asked(one: Prober) -> None:
    one.ask()
    until(lambda: not one.pending)


def test_what_is_wrong_stays_known_while_it_is_asked_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Prober("redis", {})
    engine.refusing = True
    asked(one)
    assert one.answer().kind == "AuthenticationFailed"
    engine.go.clear()
    one.ask()
    assert one.pending
    assert one.answer().kind == "AuthenticationFailed"
    # One that hangs for long enough is not taken for one that refuses.
    monkeypatch.setattr(prober, "_ABANDON_SECONDS", 0.0)
    one.ask()
    assert one.answer().kind == NO_ANSWER
    engine.go.set()


def test_what_was_well_and_answers_no_more_hangs(engine: Engine) -> None:
    one = Prober("redis", {})
    asked(one)
    assert one.answer().good
    engine.go.clear()
    one.ask()
    assert one.answer().kind == NO_ANSWER
    engine.go.set()


def test_one_that_rests_gives_its_connection_back_and_begins_anew(engine: Engine) -> None:
    one = Prober("redis", {})
    for _ in range(3):
        asked(one)
        assert engine.open == 1
        one.rest()
        one.rest()
        until(lambda: engine.open == 0)
    # Also one that is just being asked.
    engine.go.clear()
    one.ask()
    one.rest()
    engine.go.set()
    until(lambda: one._left == 0)
    until(lambda: engine.open == 0)
    asked(one)
    assert one.answer().good

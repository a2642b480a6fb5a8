"""Asking one engine again and again, in a thread of its own, so that one that hangs holds nobody up."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from init.engines import load
from init.engines.base import Service
from init.protocol import Failure
from monitor.model import FAILED, HEALTHY, IN_USE, NO_ANSWER, Answer

# A connection proves nothing about the password that opened it long ago.
_RENEW_SECONDS = 60.0
# With every query, so much of what is stored is read on: nobody else has a file meanwhile.
_EXAMINE_SECONDS = 0.25
# A query that goes nowhere, as into a cut network, is left to itself; no more than so many.
_ABANDON_SECONDS = 15.0
_ABANDONED = 3


# Within this process as well, a file is for one at a time.
ONE_AT_A_TIME = threading.Lock()


class Prober:
    """One engine's driver and its thread. `ask` begins a query, `answer` tells what came of it, `rest` gives the connection back."""

    def __init__(self, service: str, connection: Mapping[str, Any]) -> None:
        self.service = service
        self._connection = {**connection, "must_exist": True, "lock_seconds": 0.0, "read_only": True}
        self._answer: Answer | None = None
        # What went wrong last: it stays so while the next query runs.
        self._wrong: Answer | None = None
        self._asked_at = 0.0
        self._query: _Query | None = None
        self._left = 0
        # How far what is stored was read, as the driver tells it.
        self.examined: object = None
        self._lock = threading.Lock()

    def ask(self) -> None:
        """Begin a query, unless the last one still runs."""
        with self._lock:
            now = time.monotonic()
            if self._query is not None and self._query.busy:
                if now - self._asked_at < _ABANDON_SECONDS or self._left >= _ABANDONED:
                    return
                self._leave(self._query)
            if self._query is None:
                self._query = _Query(self, self._connection)
            self._answer, self._asked_at = None, now
            self._query.begin()

    def rest(self) -> None:
        """Ask nothing for now: nothing of this one is left in the engine, and what it knew may be over."""
        with self._lock:
            if self._query is not None:
                self._leave(self._query)
            self._answer = None

    def answer(self) -> Answer:
        """Return what the query brought; one that still runs has brought nothing, or what was wrong before is so still."""
        with self._lock:
            known = self._answer or self._wrong
            if known is not None:
                return known
            waited = time.monotonic() - self._asked_at
        return Answer(
            status=FAILED,
            kind=NO_ANSWER,
            message=f"{self.service}: no answer for {waited:.0f} s",
            fix="look at its log",
        )

    @property
    def pending(self) -> bool:
        """Whether the answer is still to come."""
        return self._answer is None

    def tell(self, query: "_Query", answer: Answer) -> None:
        """Take a query's answer; one that was left to itself comes too late."""
        with self._lock:
            query.busy = False
            if query is self._query:
                self._answer, self._wrong = answer, None if answer.good else answer
            elif query.abandoned:
                self._left -= 1

    def _leave(self, query: "_Query") -> None:
        self._left += query.busy
        self._query = self._wrong = None
        query.leave()


class _Query:
    """A thread with a connection, which answers one query after the other."""

    def __init__(self, prober: Prober, connection: Mapping[str, Any]) -> None:
        self.busy = self.abandoned = False
        self._prober = prober
        self._connection = connection
        self._driver: Service | None = None
        self._opened_at = 0.0
        self._wanted = threading.Event()
        threading.Thread(target=self._run, name=f"probe-{prober.service}", daemon=True).start()

    def begin(self) -> None:
        self.busy = True
        self._wanted.set()

    def leave(self) -> None:
        """Have it end, and close its connection, as soon as it can."""
        self.abandoned = True
        self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self.busy:
                self._prober.tell(self, self._asked())
            if self.abandoned:
                break
        self._close()

    def _asked(self) -> Answer:
        if "path" not in self._connection:
            return self._ask()
        with ONE_AT_A_TIME:
            answer = self._ask()
            # It is given back at once: it is for others to have.
            self._close()
            return answer

    def _ask(self) -> Answer:
        try:
            if self._driver is not None and time.monotonic() - self._opened_at >= _RENEW_SECONDS:
                self._close()
            if self._driver is None:
                driver = load(self._prober.service)
                driver.connect(self._connection)
                self._driver, self._opened_at = driver, time.monotonic()
            started = time.perf_counter()
            self._driver.probe()
            latency = time.perf_counter() - started
            self._prober.examined = self._driver.examine(self._prober.examined, _EXAMINE_SECONDS)
            return Answer(status=HEALTHY, latency=latency, version=self._driver.server_version())
        except Exception as error:  # noqa: BLE001 - whatever a client raises, the engine has not answered
            self._close()
            return _failed(self._prober.service, error)

    def _close(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            with suppress(Exception):
                driver.close()


def _failed(service: str, error: Exception) -> Answer:
    if not isinstance(error, Failure):
        return Answer(status=FAILED, kind="Unexpected", message=f"{service}: {type(error).__name__}: {error}", fix="")
    status = IN_USE if service == "duckdb" and "in use" in error.message else FAILED
    return Answer(status=status, kind=error.kind, message=error.message, fix=error.fix)

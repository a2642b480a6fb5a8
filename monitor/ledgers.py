"""Every engine's schema version, and what differs from what its migrations left: looked at once a minute, in a thread of its own."""

import threading
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from init.engines.base import log
from init.protocol import Failure
from init.runner.actions import look
from monitor.prober import ONE_AT_A_TIME

_PAUSE_SECONDS = 60.0
# As the checks': what does not answer is told by them.
_PATIENCE_SECONDS = 1.0
# The engine where all ledgers meet; those without migrations have none.
COORDINATING = "postgres"
WITHOUT = ("redis", "etcd")


@dataclass(frozen=True)
class Ledger:
    """One engine's schema version, three digits, and a sentence for everything that is not as it should be."""

    version: str
    problems: tuple[str, ...] = ()


class Ledgers:
    """The last that is known of every engine's ledger: all that was `found`, and what of it is `current`."""

    def __init__(self, engines: Mapping[str, Mapping[str, Any]]) -> None:
        self._engines = engines
        self.found: dict[str, Ledger] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._held: set[str] = set()
        # How often a service was seen held: a look in which that changes tells nothing.
        self._times: dict[str, int] = {}
        self._current: set[str] = set()

    @property
    def current(self) -> dict[str, Ledger]:
        """Return what was found since somebody worked on an engine last."""
        with self._lock:
            return {name: one for name, one in self.found.items() if name in self._current}

    def hold(self, held: Collection[str]) -> None:
        """Leave these services alone; one that is held no more is looked at again soon."""
        with self._lock:
            if self._held - set(held):
                self._wake.set()
            self._held = set(held)
            self._current -= self._held
            for name in held:
                self._times[name] = self._times.get(name, 0) + 1

    def begin(self) -> None:
        """Look now, and go on looking."""
        threading.Thread(target=self._run, name="ledgers", daemon=True).start()

    def _run(self) -> None:
        while True:
            for name in self._engines:
                if name not in WITHOUT:
                    self._look(name)
            self._wake.wait(_PAUSE_SECONDS)
            self._wake.clear()

    def _look(self, name: str) -> None:
        with self._lock:
            times = self._times.get(name, 0)
            if name in self._held:
                return
        connection = {**self._engines[name], "lock_seconds": 1.0, "read_only": True}
        request = {"engine": name, "connection": connection, "coordination": self._engines[COORDINATING],
                   "migrations": [], "patience": _PATIENCE_SECONDS}  # fmt: skip
        try:
            with ONE_AT_A_TIME if "path" in connection else nullcontext():
                answer = look(request)
        except Failure:
            # What is down is told by the checks; what was known stays so.
            return
        except Exception as error:  # noqa: BLE001 - whatever a client raises, the next look may succeed
            log("ledgers", f"{name}: {type(error).__name__}: {error}")
            return
        dirty = [f"{one['migration_name']} is half done" for one in answer["ledger"] if one["state"] != "applied"]
        apart = [] if answer["mirrored"] else ["its ledger is not the one that PostgreSQL was told"]
        self._take(name, Ledger(str(answer["schema_version"]), (*dirty, *apart, *answer["drift"])), times)

    def _take(self, name: str, ledger: Ledger, times: int) -> None:
        """Keep what was found, unless somebody began to work on the engine meanwhile."""
        with self._lock:
            if times == self._times.get(name, 0):
                self.found = {**self.found, name: ledger}
                self._current.add(name)

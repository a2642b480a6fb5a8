"""Every engine's schema version, and what differs from what its migrations left: looked at once a minute, in a thread of its own."""

import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from init.engines.base import log
from init.protocol import Failure
from init.runner.actions import look
from monitor.prober import ONE_AT_A_TIME

_PAUSE_SECONDS = 60.0
# The engine where all ledgers meet; those without migrations have none.
COORDINATING = "postgres"
WITHOUT = ("redis", "etcd")


@dataclass(frozen=True)
class Ledger:
    """One engine's schema version, three digits, and a sentence for everything that is not as it should be."""

    version: str
    problems: tuple[str, ...] = ()


class Ledgers:
    """The last that is known of every engine's ledger."""

    def __init__(self, engines: Mapping[str, Mapping[str, Any]]) -> None:
        self._engines = engines
        self.found: dict[str, Ledger] = {}

    def begin(self) -> None:
        """Look now, and go on looking."""
        threading.Thread(target=self._run, name="ledgers", daemon=True).start()

    def _run(self) -> None:
        while True:
            for name in self._engines:
                if name not in WITHOUT:
                    self._look(name)
            time.sleep(_PAUSE_SECONDS)

    def _look(self, name: str) -> None:
        connection = {**self._engines[name], "lock_seconds": 1.0, "read_only": True}
        request = {"engine": name, "connection": connection, "coordination": self._engines[COORDINATING],
                   "migrations": [], "patience": 2.0}  # fmt: skip
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
        self.found = {
            **self.found,
            name: Ledger(str(answer["schema_version"]), (*dirty, *apart, *answer["drift"])),
        }

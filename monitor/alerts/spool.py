"""The notices that wait for one channel: a file each, in the order in which they came."""

import json
import os
import re
import threading
from contextlib import suppress
from itertools import count
from pathlib import Path

import structlog

from monitor.alerts import durable
from monitor.alerts.model import Notice

_NAME = re.compile(r"([0-9]{12})-(firing|resolved|event)\.json")
_log = structlog.get_logger()


class Spool:
    """A directory of waiting notices; any thread may call.

    Where the directory cannot be written, notices wait in memory: an alert about a full disk must not need that disk.
    """

    def __init__(self, directory: Path, most: int) -> None:
        """`most` is how many may wait: beyond it, the oldest event is given up, or else the oldest notice."""
        self._directory, self._most = directory, most
        self._lock = threading.RLock()
        self._memory: dict[str, Notice] = {}
        # Files that are done with, but could not be removed.
        self._finished: set[str] = set()
        self._given_up = 0
        with suppress(OSError):
            for incomplete in directory.glob(f"{durable.INCOMPLETE}*"):
                incomplete.unlink()
        last = max((int(name.partition("-")[0]) for name in self.waiting()), default=0)
        self._numbers = count(last + 1)

    @property
    def given_up(self) -> int:
        """Return how many notices were given up since the start."""
        return self._given_up

    def put(self, notice: Notice) -> None:
        """Add a notice; once this returns, it is on disk, or else in memory."""
        with self._lock:
            name = f"{next(self._numbers):012d}-{notice.state}.json"
            try:
                self._directory.mkdir(parents=True, exist_ok=True)
                durable.replace(self._directory / name, json.dumps(notice.document()).encode())
            except OSError as error:
                self._memory[name] = notice
                _log.warning("an alert waits in memory only", channel=self._directory.name, error=error.strerror)
            names = self.waiting()
            for surplus in sorted(names, key=_dispensable)[: max(0, len(names) - self._most)]:
                _log.error("an alert was given up: too many wait", channel=self._directory.name, waiting=surplus)
                self.give_up(surplus)

    def waiting(self) -> list[str]:
        """Return the names of what waits, oldest first."""
        with self._lock:
            try:
                files = {name for name in os.listdir(self._directory) if _NAME.fullmatch(name)}
            except OSError:
                files = set()
            return sorted((files - self._finished) | self._memory.keys())

    def read(self, name: str) -> Notice | None:
        """Return a waiting notice; None if it was given up meanwhile, or is broken and is given up now."""
        with self._lock:
            if name in self._memory:
                return self._memory[name]
            try:
                return Notice.parse(json.loads((self._directory / name).read_bytes()))
            except FileNotFoundError:
                return None
            except (OSError, ValueError) as error:
                _log.error("an alert was given up: it is unreadable", channel=self._directory.name, error=str(error))
                self.give_up(name)
                return None

    def give_up(self, name: str) -> None:
        """Remove a notice that was not delivered, and count it."""
        with self._lock:
            self._given_up += 1
            self.remove(name)

    def remove(self, name: str) -> None:
        """Remove a notice."""
        with self._lock:
            self._memory.pop(name, None)
            try:
                (self._directory / name).unlink(missing_ok=True)
            except OSError as error:
                self._finished.add(name)
                _log.warning("an alert's file cannot be removed", channel=self._directory.name, error=error.strerror)


def _dispensable(name: str) -> tuple[bool, str]:
    """Return what sorts names by how well one can do without them: events first, each kind oldest first."""
    return (not name.endswith("-event.json"), name)

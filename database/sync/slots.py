"""Places for calls of clients whose own pools know no end of waiting, or no end at all."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from database.resilience.kinds import PoolFullError


class SyncSlots:
    """A bounded number of calls at a time, for threads; who finds no place waits a bounded time for one."""

    def __init__(self, *, maximum: int, seconds: float, setting: str) -> None:
        """`setting` is the variable that makes more room."""
        self._maximum = maximum
        self._seconds = seconds
        self._setting = setting
        self._free = threading.Semaphore(maximum)
        self._counting = threading.Lock()
        self._in_use = 0
        self._waiting = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place for a while; PoolFullError after waiting too long for one."""
        if not self._free.acquire(blocking=False):
            self._count(waiting=1)
            try:
                if not self._free.acquire(timeout=self._seconds):
                    raise PoolFullError(self._maximum, self._seconds, self._setting)
            finally:
                self._count(waiting=-1)
        self._count(in_use=1)
        try:
            yield
        finally:
            self._count(in_use=-1)
            self._free.release()

    def usage(self) -> Mapping[str, int]:
        """Return how many there are, are in use, and are waited for."""
        return {"maximum": self._maximum, "in_use": self._in_use, "waiting": self._waiting}

    def _count(self, *, in_use: int = 0, waiting: int = 0) -> None:
        with self._counting:
            self._in_use += in_use
            self._waiting += waiting

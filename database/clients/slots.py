"""Places for calls of clients whose own pools know no end of waiting, or do not say that they are full."""

import asyncio
from collections.abc import Mapping

from database.resilience.kinds import PoolFullError


class Slots:
    """A bounded number of calls at a time, for coroutines; who finds no place waits a bounded time for one."""

    def __init__(self, *, maximum: int, seconds: float, setting: str) -> None:
        """`setting` is the variable that makes more room."""
        self._maximum = maximum
        self._seconds = seconds
        self._setting = setting
        self._free = asyncio.Semaphore(maximum)
        self._in_use = 0
        self._waiting = 0

    async def take(self) -> None:
        """Take a place; PoolFullError after waiting too long for one."""
        if self._free.locked():
            await self._wait()
        else:
            await self._free.acquire()
        self._in_use += 1

    def give_back(self) -> None:
        """Leave it to the next one."""
        self._in_use -= 1
        self._free.release()

    def usage(self) -> Mapping[str, int]:
        """Return how many there are, are in use, and are waited for."""
        return {"maximum": self._maximum, "in_use": self._in_use, "waiting": self._waiting}

    async def _wait(self) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError:
            raise PoolFullError(self._maximum, self._seconds, self._setting) from None
        finally:
            self._waiting -= 1

"""Calls of clients that know no asyncio: in threads of their own, as many as there are connections."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from database.clients.slots import Slots

Result = TypeVar("Result")


class Threads:
    """A bounded number of threads; who finds none free waits a bounded time for one."""

    def __init__(self, engine: str, *, maximum: int, seconds: float, setting: str) -> None:
        self._slots = Slots(maximum=maximum, seconds=seconds, setting=setting)
        # One more, for the question how the server is.
        self._executor = ThreadPoolExecutor(max_workers=maximum + 1, thread_name_prefix=f"database-{engine}")

    async def call(self, function: Callable[[], Result]) -> Result:
        """Return what a function returns in one of the threads; PoolFullError after waiting too long for one."""
        await self._slots.take()
        future = asyncio.get_running_loop().run_in_executor(self._executor, function)
        # A thread cannot be stopped: it is free when it has ended, also if nobody waits for it any more.
        future.add_done_callback(lambda _: self._slots.give_back())
        return await asyncio.shield(future)

    async def beside(self, function: Callable[[], Result]) -> Result:
        """Return what a function returns that waits for no place."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)

    def usage(self) -> Mapping[str, int]:
        """Return how many there are, are in use, and are waited for."""
        return self._slots.usage()

    def close(self) -> None:
        """Let what is under way end in the background; nothing new begins."""
        self._executor.shutdown(wait=False)

"""Callers who write and read without end, and remember what they saw."""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from database import DatabaseManager, SyncDatabaseManager
from database.errors import CircuitOpen, DatabaseError
from tests.contract.database import engines

_PAUSE_SECONDS = 0.05


@dataclass
class Traffic:
    """What callers of one engine saw: coroutines, and some threads beside them."""

    engine: str
    keys: Iterator[int] = field(default_factory=itertools.count)
    written: set[int] = field(default_factory=set)
    # What was read under a key and was not what had been acknowledged.
    wrong: list[tuple[int, str | None]] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    refused_seconds: list[float] = field(default_factory=list)
    # When each caller succeeded last.
    succeeded: dict[str, float] = field(default_factory=dict)
    is_over: bool = False

    async def call(self, manager: DatabaseManager, caller: str) -> None:
        """Write a new thing and read an own one, by turns, until it is over."""
        mine: list[int] = []
        self.succeeded[caller] = 0.0
        while not self.is_over:
            key, began = next(self.keys), time.monotonic()
            try:
                await engines.write(manager, self.engine, key)
                mine.append(key)
                self.written.add(key)
                await self._check(manager, random.choice(mine))  # noqa: S311 - not for secrets
                self.succeeded[caller] = time.monotonic()
            except DatabaseError as error:
                self._failed(error, began)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _check(self, manager: DatabaseManager, key: int) -> None:
        found = await engines.find(manager, self.engine, key)
        if found != engines.value(key):
            self.wrong.append((key, found))

    def call_from_thread(self, manager: SyncDatabaseManager, caller: str) -> None:
        """Write new things until it is over."""
        client = getattr(manager, self.engine)
        self.succeeded[caller] = 0.0
        while not self.is_over:
            key, began = next(self.keys), time.monotonic()
            try:
                client.run("write", engines.writing(self.engine, key))
                self.written.add(key)
                self.succeeded[caller] = time.monotonic()
            except DatabaseError as error:
                self._failed(error, began)
            time.sleep(_PAUSE_SECONDS)

    def _failed(self, error: DatabaseError, began: float) -> None:
        self.failures[type(error).__name__] += 1
        if isinstance(error, CircuitOpen):
            self.refused_seconds.append(time.monotonic() - began)

    def begin(
        self, manager: DatabaseManager, coroutines: int, threads: SyncDatabaseManager
    ) -> list[asyncio.Task[None]]:
        """Let that many coroutines call, and a few threads; return what ends when it is over."""
        return [asyncio.create_task(self.call(manager, f"coroutine {number}")) for number in range(coroutines)] + [
            asyncio.create_task(asyncio.to_thread(self.call_from_thread, threads, f"thread {number}"))
            for number in range(3)
        ]

    def all_since(self, moment: float) -> bool:
        """Whether every caller has succeeded since a moment."""
        return all(last >= moment for last in self.succeeded.values())

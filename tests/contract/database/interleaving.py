"""Writers and relays at the same time, on PostgreSQL and an engine that remembers what it was given, in which order."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from database.errors import Unavailable
from database.model import Memory
from database.outbox import entries
from database.outbox.model import Change, Row, Transaction
from database.outbox.relay import Relay
from database.repositories.memories import PostgresMemories

TENANT = "tenant"
_HELD_SECONDS = 0.003


@dataclass
class Recorder:
    """An engine without versions, as Milvus is: what comes last is what it has. It fails now and then, before or after."""

    chance: random.Random
    failures: float = 0.0
    name: str = "milvus"
    held: dict[int, Row | None] = field(default_factory=dict)
    versions: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    busy: set[int] = field(default_factory=set)

    async def deliver(self, changes: Sequence[Change]) -> Mapping[int, str]:
        keys = {one.vector_id for one in changes}
        assert len(keys) == len(changes), "a key twice in a batch"
        assert not keys & self.busy, "two relays have a key at the same time"
        self.busy |= keys
        try:
            await self._fail()
            for one in changes:
                self.held[one.vector_id] = one.row
                self.versions[one.vector_id].append(one.version)
            await self._fail()
        finally:
            self.busy -= keys
        return {}

    async def show(self, keys: Sequence[int]) -> None: ...

    async def ask(self) -> None: ...

    async def _fail(self) -> None:
        await asyncio.sleep(self.chance.random() * 0.002)
        if self.chance.random() < self.failures:
            raise Unavailable("it is gone", self.name, "deliver", "wait")


async def interleave(transaction: Transaction, recorder: Recorder, plans: Sequence[Sequence[tuple[int, bool]]]) -> None:
    """Let each writer do its plan, pairs of a key and whether to write or to delete, while two relays deliver."""
    stop = asyncio.Event()
    relays = [
        asyncio.create_task(Relay(transaction, recorder, batch=batch, idle_seconds=0.001).run(stop)) for batch in (1, 3)
    ]
    await asyncio.gather(*(_write(transaction, number, plan) for number, plan in enumerate(plans)))
    while await _behind(transaction, recorder.name):
        await asyncio.sleep(0.005)
    stop.set()
    await asyncio.gather(*relays)


async def assert_in_order(transaction: Transaction, recorder: Recorder) -> None:
    """Assert that each key's versions never went back, and that the engine has what the rows say."""
    async with transaction() as connection:
        kept = await PostgresMemories(connection, TENANT).get_many(list(recorder.held))
    for key, versions in recorder.versions.items():
        assert versions == sorted(versions), f"{key}: {versions}"
    assert {key: row.query for key, row in recorder.held.items() if row} == {
        key: one.query for key, one in kept.items()
    }


async def _write(transaction: Transaction, writer: int, plan: Sequence[tuple[int, bool]]) -> None:
    for number, (key, is_written) in enumerate(plan):
        async with transaction() as connection:
            memories = PostgresMemories(connection, TENANT, destinations=["milvus"])
            if is_written:
                await memories.put(Memory("user", f"{writer}: {number}", vector_id=key))
            else:
                await memories.delete(key)
            # Others come to wait for this transaction.
            await asyncio.sleep(_HELD_SECONDS)


async def _behind(transaction: Transaction, name: str) -> bool:
    async with transaction() as connection:
        (lag,) = await entries.lag(connection, [name])
    return lag.pending > 0

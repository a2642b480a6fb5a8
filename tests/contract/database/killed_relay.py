"""A process that writes and delivers, and kills itself at a step: `python -m tests.contract.database.killed_relay STEP`.

The environment holds what its clients connect with.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection

from database.model import Memory
from database.outbox.elasticsearch import ElasticsearchDestination
from database.outbox.milvus import MilvusDestination
from database.outbox.model import Change, Destination
from database.outbox.relay import Relay
from database.repositories.memories import PostgresMemories
from tests.contract.backup.memories import unit
from tests.contract.database.opened import Clients, clients

# In the order in which they come.
STEPS = (
    "written, not committed",
    "committed",
    *(f"{step} for {engine}" for engine in ("elasticsearch", "milvus") for step in ("claimed", "delivered", "settled")),
    "half delivered for milvus",
    "all done",
)
TENANT = "tenant"


def die(at: str) -> None:
    """End this process as a kill does, if it is at its step."""
    if sys.argv[1] == at:
        os.kill(os.getpid(), signal.SIGKILL)


class Killed:
    """A destination that is cut off around its work."""

    def __init__(self, inner: Destination) -> None:
        self.inner, self.name = inner, inner.name

    async def deliver(self, changes: Sequence[Change]) -> Mapping[int, str]:
        die(f"claimed for {self.name}")
        refused = await self.inner.deliver(changes)
        die(f"delivered for {self.name}")
        return refused

    async def show(self, keys: Sequence[int]) -> None:
        await self.inner.show(keys)

    async def ask(self) -> None:
        await self.inner.ask()


class Half:
    """Milvus, cut off between what is written and what is deleted."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    async def run(self, operation: str, function: Callable[[Any], Awaitable[Any]], *, repeatable: bool = False) -> Any:
        if operation == "delete":
            die("half delivered for milvus")
        return await self._engine.run(operation, function, repeatable=repeatable)


async def change(connection: AsyncConnection[Any]) -> None:
    """Write over what is there, delete some of it, and add more."""
    memories = PostgresMemories(connection, TENANT)
    await memories.put_many([Memory("user", "changed", None, unit(key), vector_id=key) for key in range(3, 8)])
    for key in range(3):
        await memories.delete(key)


async def main(made: Clients) -> None:
    async with made.postgres.transaction() as connection:
        await change(connection)
        die("written, not committed")
    die("committed")
    destinations = (ElasticsearchDestination(made.elasticsearch), MilvusDestination(Half(made.milvus)))
    for destination in destinations:

        @asynccontextmanager
        async def transaction(name: str = destination.name) -> AsyncIterator[AsyncConnection[Any]]:
            async with made.postgres.transaction() as connection:
                yield connection
                die(f"settled for {name}")

        while await Relay(transaction, Killed(destination)).deliver():
            pass
    die("all done")


if __name__ == "__main__":
    asyncio.run(main(clients(os.environ)))

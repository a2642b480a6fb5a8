"""The library's clients on the shipped schema in three real engines, all in one event loop that the tests share."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from database.clients.elasticsearch import ElasticsearchClient
from database.clients.milvus import MilvusClient
from database.clients.postgres import PostgresClient
from database.outbox import entries
from database.outbox.elasticsearch import ElasticsearchDestination
from database.outbox.milvus import MilvusDestination
from database.outbox.model import Destination, Lag
from database.outbox.relay import Relay
from database.outbox.write import MemoryWriter
from database.recall import Recall
from database.repositories.memories import DESTINATIONS
from database.settings import DatabaseSettings
from database.unit_of_work import UnitOfWork
from tests.contract.backup.memories import Stack, prepared
from tests.contract.containers import Contract

Result = TypeVar("Result")


@dataclass
class Clients:
    """The clients of one loop. Nothing delivers by itself."""

    postgres: PostgresClient
    elasticsearch: ElasticsearchClient
    milvus: MilvusClient

    @property
    def destinations(self) -> Sequence[Destination]:
        return (ElasticsearchDestination(self.elasticsearch), MilvusDestination(self.milvus))

    def writer(self, tenant: str) -> MemoryWriter:
        return MemoryWriter(self.postgres.transaction, self.destinations, tenant)

    def recall(self, tenant: str) -> Recall:
        return Recall(self.postgres.transaction, self.elasticsearch, self.milvus, tenant)

    async def lag(self) -> dict[str, Lag]:
        async with self.postgres.transaction() as connection:
            return {one.destination: one for one in await entries.lag(connection, DESTINATIONS)}

    async def drain(self) -> None:
        """Deliver until nothing is due, and show it."""
        for destination in self.destinations:
            relay = Relay(self.postgres.transaction, destination)
            while await relay.deliver():
                pass
            await destination.show([0])

    async def close(self) -> None:
        for client in (self.postgres, self.elasticsearch, self.milvus):
            await client.close()


@dataclass
class Opened:
    """Clients in their loop, beside a stack that looks at everything in its own way."""

    stack: Stack
    variables: Mapping[str, str]
    runner: asyncio.Runner
    clients: Clients

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(work)

    def empty(self) -> None:
        """Remove every memory, and what was to be delivered."""
        self.stack.postgres.execute("TRUNCATE memory_outbox, memory_dead_letters, memory")
        self.stack.elasticsearch.indices.refresh(index="ai_karen_memory")
        self.stack.elasticsearch.delete_by_query(
            index="ai_karen_memory", query={"match_all": {}}, refresh=True, conflicts="proceed"
        )
        if keys := list(self.stack.vectors()):
            self.stack.milvus.delete("memory_embeddings", ids=keys)


def variables(connections: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the environment of an application that has the administrators' rights."""
    postgres, search, milvus = (connections[name] for name in ("postgres", "elasticsearch", "milvus"))
    return {
        "POSTGRES_HOST": postgres["host"],
        "POSTGRES_PORT": str(postgres["port"]),
        "POSTGRES_DB": postgres["database"],
        "POSTGRES_USER": postgres["user"],
        "POSTGRES_PASSWORD": postgres["password"],
        "ELASTICSEARCH_URL": search["url"],
        "ELASTICSEARCH_USER": search["user"],
        "ELASTICSEARCH_PASSWORD": search["password"],
        "MILVUS_HOST": milvus["host"],
        "MILVUS_PORT": str(milvus["port"]),
        "MILVUS_USER": milvus["user"],
        "MILVUS_PASSWORD": milvus["password"],
    }


def clients(environment: Mapping[str, str]) -> Clients:
    """Return clients that connect when they are first asked."""
    settings = DatabaseSettings.of(environment)
    return Clients(
        PostgresClient(settings.postgres), ElasticsearchClient(settings.elasticsearch), MilvusClient(settings.milvus)
    )


@dataclass
class Rows:
    """PostgreSQL alone, with the shipped schema: a client in its loop."""

    runner: asyncio.Runner
    postgres: PostgresClient

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(work)

    def work(self, tenant: str = "tenant") -> UnitOfWork:
        return UnitOfWork(self.postgres.transaction, tenant)

    async def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        async with self.postgres.transaction() as connection:
            return await (await connection.execute(statement.encode(), values)).fetchall()


@contextmanager
def opened(servers: Contract, directory: Path) -> Iterator[Opened]:
    """Provide all of it; what the tests do runs in one loop."""
    with prepared(servers, directory) as stack, asyncio.Runner() as runner:
        environment = variables(stack.connections)
        made = clients(environment)
        try:
            yield Opened(stack, environment, runner, made)
        finally:
            runner.run(made.close())


@contextmanager
def rows(world: Opened) -> Iterator[Rows]:
    """Provide its PostgreSQL alone, in a loop of its own."""
    client = clients(world.variables).postgres
    with asyncio.Runner() as runner:
        try:
            yield Rows(runner, client)
        finally:
            runner.run(client.close())

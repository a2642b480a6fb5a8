"""What the library writes against the engines' own clients: memories in three engines, profiles in bulk."""

import asyncio
import itertools
import json
import math
import random
from collections.abc import Iterator
from typing import Any

from elasticsearch import AsyncElasticsearch
from psycopg import AsyncConnection
from pymilvus import AsyncMilvusClient

from bench.measure import Ratio, alternated
from database import DatabaseManager
from database.model import Memory, Profile
from database.model.memory import DIMENSIONS
from database.outbox import elasticsearch as documents
from database.outbox import milvus as vectors
from database.tenant import Tenant

PROFILES = 10_000
_TENANT = "bench"
# Milvus answers a strong read at its next tick: calls that begin at one would all take as long, whatever they do.
_TICK_SECONDS = 0.2
_COPY = "COPY profiles (user_id, tenant_id, profile_json) FROM STDIN"
_INSERT = """
    INSERT INTO memory (vector_id, tenant_id, user_id, session_id, query, result, timestamp)
    VALUES (%s, %s, %s, %s, %s, %s, %s)"""
_ROW = "SELECT query FROM memory WHERE vector_id = %s"


async def profiles(db: DatabaseManager, bare: AsyncConnection[Any]) -> Ratio:
    """Measure 10,000 new profiles, checked and in a unit of work, against COPY of the same in a transaction."""
    given = [(f"user-{number:05}", _profile(number)) for number in range(PROFILES)]

    async def ours() -> None:
        async with Tenant(db, _TENANT).work() as work:
            await work.profiles.add_many(Profile(user, profile) for user, profile in given)

    async def theirs() -> None:
        async with bare.transaction(), bare.cursor() as cursor, cursor.copy(_COPY) as copy:
            for user, profile in given:
                await copy.write_row((user, _TENANT, json.dumps(profile)))

    async def emptied() -> None:
        await bare.execute("TRUNCATE profiles CASCADE")
        await bare.execute("CHECKPOINT")

    name = f"{PROFILES:,} profiles / COPY"
    return await alternated(name, ours, theirs, goal=1.5, calls=31, before=emptied, unit="ms")


def _profile(number: int) -> dict[str, Any]:
    return {
        "name": f"User {number}",
        "language": ("en", "de", "fr")[number % 3],
        "topics": ["memory", "search", "vectors"],
        "settings": {"theme": "dark", "size": number % 20, "notify": bool(number % 2)},
    }


class Bare:
    """An application without the library: the engines' clients, and each write and read by itself."""

    def __init__(self, postgres: AsyncConnection[Any], search: AsyncElasticsearch, milvus: AsyncMilvusClient) -> None:
        self._postgres = postgres
        self._search = search
        self._milvus = milvus

    async def row(self, memory: Memory) -> None:
        given = (memory.vector_id, _TENANT, memory.user_id, None, memory.query, memory.result, memory.timestamp)
        await self._postgres.execute(_INSERT, given)

    async def document(self, memory: Memory) -> None:
        fields = ("vector_id", "user_id", "query", "result", "timestamp")
        source = {"tenant_id": _TENANT, **{name: getattr(memory, name) for name in fields}}
        # Without it no search would find the document for a second.
        await self._search.index(index=documents.ALIAS, id=str(memory.vector_id), document=source, refresh=True)

    async def vector(self, memory: Memory) -> None:
        given = {
            "vector_id": memory.vector_id,
            "embedding": list(memory.embedding or ()),
            "metadata": {},
            "tenant_id": _TENANT,
            "user_id": memory.user_id,
            "session_id": "",
            "timestamp": memory.timestamp,
        }
        await self._milvus.upsert(vectors.ALIAS, [given])

    async def read(self, memory: Memory, *, level: str) -> None:
        """Read it from each engine, or fail."""
        key = memory.vector_id
        row = await (await self._postgres.execute(_ROW, [key])).fetchone()
        found = await self._search.search(index=documents.ALIAS, query={"term": {"vector_id": key}}, source=False)
        held = await self._milvus.query(vectors.ALIAS, filter=f"vector_id == {key}", consistency_level=level)
        assert row is not None
        assert len(found["hits"]["hits"]) == 1
        assert len(held) == 1


async def memories(db: DatabaseManager, bare: Bare) -> list[Ratio]:
    """Measure until all three engines have answered a read, against writes one after the other, and all at the same time."""
    made, writer = _memories(), Tenant(db, _TENANT).memories

    async def ours() -> None:
        memory = next(made)
        await writer.write(memory, wait="indexed")
        # Whatever is read, with whatever consistency, has it by now.
        await bare.read(memory, level="Eventually")

    async def in_turn() -> None:
        memory = next(made)
        await bare.row(memory)
        await bare.document(memory)
        await bare.vector(memory)
        await bare.read(memory, level="Strong")

    async def at_once() -> None:
        memory = next(made)
        await asyncio.gather(bare.row(memory), bare.document(memory), bare.vector(memory))
        await bare.read(memory, level="Strong")

    async def any_moment() -> None:
        await asyncio.sleep(chosen.uniform(0, _TICK_SECONDS))

    chosen = random.Random(3)  # noqa: S311 - moments, not secrets
    peers = {"three writes": in_turn, "three writes at once": at_once}
    return [
        await alternated(f"memory / {name}", ours, theirs, goal=1.5, calls=100, unit="ms", before=any_moment)
        for name, theirs in peers.items()
    ]


def _memories() -> Iterator[Memory]:
    chosen = random.Random(1)  # noqa: S311 - contents, not secrets
    for number in itertools.count():
        yield Memory(f"user-{number % 7}", f"question {number}", f"answer {number}", embedding=embedding(chosen))


def embedding(chosen: random.Random) -> list[float]:
    """Return a vector of length 1."""
    numbers = [chosen.gauss(0, 1) for _ in range(DIMENSIONS)]
    length = math.hypot(*numbers)
    return [one / length for one in numbers]

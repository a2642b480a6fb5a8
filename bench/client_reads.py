"""What the manager adds to a read: the same question over the library and over the engine's own client."""

import random
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from pymilvus import AsyncMilvusClient
from redis.asyncio import Redis

from bench.client_writes import embedding
from bench.measure import Ratio, alternated
from database import DatabaseManager
from database.outbox import milvus as vectors

_USER, _KEY = "user-of-a-read", "key-of-a-read"
_PROFILE = "SELECT profile_json FROM profiles WHERE user_id = %s"
_CALLS = 3_000
_VECTORS, _SEARCHES = 2_000, 200


async def postgres(db: DatabaseManager, bare: AsyncConnectionPool[Any]) -> Ratio:
    """Measure one row by its key, each over a pool in autocommit."""
    async with bare.connection() as connection:
        await connection.execute(
            "INSERT INTO profiles (user_id, profile_json) VALUES (%s, '{\"name\": 1}') ON CONFLICT DO NOTHING", [_USER]
        )

    async def read(connection: AsyncConnection[Any]) -> object:
        return await (await connection.execute(_PROFILE, [_USER])).fetchone()

    async def ours() -> None:
        assert await db.postgres.run("point read", read, repeatable=True)

    async def theirs() -> None:
        async with bare.connection() as connection:
            assert await (await connection.execute(_PROFILE, [_USER])).fetchone()

    return await alternated("PostgreSQL point read / psycopg's pool", ours, theirs, goal=1.1, calls=_CALLS, unit="µs")


async def redis(db: DatabaseManager, bare: Redis) -> Ratio:
    """Measure a GET of 100 bytes."""
    await bare.set(_KEY, "v" * 100)

    async def ours() -> None:
        assert await db.redis.run("get", lambda redis: redis.get(_KEY), repeatable=True)

    async def theirs() -> None:
        assert await bare.get(_KEY)

    return await alternated("Redis GET / redis-py", ours, theirs, goal=1.25, calls=_CALLS, unit="µs")


async def milvus(db: DatabaseManager, bare: AsyncMilvusClient) -> Ratio:
    """Measure a search among a tenant's vectors."""
    chosen = random.Random(2)  # noqa: S311 - contents, not secrets
    rows = [{**_SCALARS, "vector_id": key, "embedding": embedding(chosen)} for key in range(_VECTORS)]
    await bare.upsert(vectors.ALIAS, rows)
    await bare.query(vectors.ALIAS, filter="vector_id == 1", consistency_level="Strong")
    asked = {
        "data": [embedding(chosen)],
        "anns_field": "embedding",
        "filter": 'tenant_id == "bench"',
        "limit": 10,
        "search_params": {"metric_type": "IP", "params": {"ef": 64}},
    }

    async def ours() -> None:
        found = await db.milvus.run("search", lambda client: client.search(vectors.ALIAS, **asked), repeatable=True)
        assert len(found[0]) == 10

    async def theirs() -> None:
        assert len((await bare.search(vectors.ALIAS, **asked))[0]) == 10

    return await alternated("Milvus search / pymilvus", ours, theirs, goal=1.1, calls=_SEARCHES, unit="ms")


_SCALARS = {"tenant_id": "bench", "user_id": "user", "session_id": "", "timestamp": 0, "metadata": {}}

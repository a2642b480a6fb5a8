"""The client library against the engines' own clients, on servers of its own with the shipped schema."""

import asyncio
import io
import logging
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, redirect_stderr
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog
from elasticsearch import AsyncElasticsearch
from psycopg_pool import AsyncConnectionPool
from pymilvus import AsyncMilvusClient
from redis.asyncio import Redis

from bench import client_reads, client_writes
from bench.measure import Ratio
from database import DatabaseManager, DatabaseSettings
from tests.contract.backup.memories import prepared
from tests.contract.containers import Contract
from tests.contract.database.opened import variables
from tests.contract.servers import PASSWORD

# A connection may be quicker than another by some hundredths, for as long as it lasts.
_CONNECTIONS = 5


@dataclass
class _Bare:
    """The engines' own clients, with what each documentation begins with."""

    postgres: AsyncConnectionPool[Any]
    redis: Redis
    elasticsearch: AsyncElasticsearch
    milvus: AsyncMilvusClient


def run() -> list[Ratio]:
    """Measure reads and writes; the library is as it comes, with metrics and spans where their packages are installed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with Contract.session("bench-client") as contract, tempfile.TemporaryDirectory(prefix="karen-bench-") as directory:
        for service in ("elasticsearch", "milvus", "postgres", "redis"):
            contract.start(service)
        with redirect_stderr(io.StringIO()), prepared(contract, Path(directory)) as stack:
            environment = {
                **variables(stack.connections),
                "REDIS_HOST": contract.address("redis"),
                "REDIS_PASSWORD": PASSWORD,
                "ENABLE_DUCKDB": "false",
                "ENABLE_MINIO": "false",
            }
            return asyncio.run(_ratios(DatabaseSettings.of(environment)))


async def _ratios(settings: DatabaseSettings) -> list[Ratio]:
    reads = [await _reads(settings) for _ in range(_CONNECTIONS)]
    async with DatabaseManager(settings) as db, _bare(settings) as bare, bare.postgres.connection() as connection:
        peer = client_writes.Bare(connection, bare.elasticsearch, bare.milvus)
        writes = [*await client_writes.memories(db, peer), await client_writes.profiles(db, connection)]
    return [*(_median(ratios) for ratios in zip(*reads, strict=True)), *writes]


async def _reads(settings: DatabaseSettings) -> list[Ratio]:
    async with DatabaseManager(settings) as db, _bare(settings) as bare:
        return [
            await client_reads.postgres(db, bare.postgres),
            await client_reads.redis(db, bare.redis),
            await client_reads.milvus(db, bare.milvus),
        ]


def _median(ratios: tuple[Ratio, ...]) -> Ratio:
    ordered = sorted(ratios, key=lambda ratio: ratio.value)
    chosen = ordered[len(ordered) // 2]
    return replace(
        chosen, detail=f"{chosen.detail}, {ordered[0].value:.2f} to {ordered[-1].value:.2f} over {len(ordered)}"
    )


@asynccontextmanager
async def _bare(settings: DatabaseSettings) -> AsyncIterator[_Bare]:
    postgres, redis, search, milvus = settings.postgres, settings.redis, settings.elasticsearch, settings.milvus
    secrets = [one.password.get_secret_value() if one.password else "" for one in (postgres, redis, search, milvus)]
    async with AsyncExitStack() as opened:
        connection = {
            "host": postgres.host,
            "port": postgres.port,
            "dbname": postgres.database,
            "user": postgres.user,
            "password": secrets[0],
            "autocommit": True,
        }
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(kwargs=connection, min_size=1, max_size=10, open=False)
        await opened.enter_async_context(pool)
        client = Redis(host=redis.host, port=redis.port, password=secrets[1])
        opened.push_async_callback(client.aclose)
        elasticsearch = AsyncElasticsearch(search.address(), basic_auth=(search.user or "", secrets[2]))
        opened.push_async_callback(elasticsearch.close)
        vectors = AsyncMilvusClient(milvus.address(), user=milvus.user or "", password=secrets[3])
        opened.push_async_callback(vectors.close)
        yield _Bare(pool, client, elasticsearch, vectors)

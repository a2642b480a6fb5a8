"""Independent clients that write numbered records and count only what the server acknowledged."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from elasticsearch import ApiError, TransportError
from psycopg import Error as PostgresError
from pymilvus import MilvusException
from redis.exceptions import RedisError

from tests.e2e import clients

_PAUSE_SECONDS = 0.02
_UNIT_VECTOR = [1.0] + [0.0] * 383
_REFUSALS = (PostgresError, RedisError, ApiError, TransportError, MilvusException, grpc.RpcError, OSError)


@dataclass
class Writer:
    """One engine's writer: `write` stores a number, `read` returns the numbers that are stored.

    `acknowledged` tells of each number when, in seconds of the monotonic clock.
    """

    name: str
    write: Callable[[int], object]
    read: Callable[[], set[int]]
    acknowledged: dict[int, float] = field(default_factory=dict)

    def run(self, stop: threading.Event) -> None:
        """Write until told to stop; what a stopping server refuses is not acknowledged, and not counted."""
        for number in itertools.count():
            if stop.is_set():
                return
            try:
                self.write(number)
            except _REFUSALS:
                time.sleep(0.2)
            else:
                self.acknowledged[number] = time.monotonic()
                time.sleep(_PAUSE_SECONDS)

    def lost(self) -> set[int]:
        """Return what was acknowledged and is not there."""
        return set(self.acknowledged) - self.read()


@contextmanager
def writing(writers: list[Writer], *, seconds: float) -> Iterator[None]:
    """Let every writer write for a while, and go on while the body runs."""
    stop = threading.Event()
    threads = [threading.Thread(target=one.run, args=[stop], daemon=True) for one in writers]
    for thread in threads:
        thread.start()
    try:
        time.sleep(seconds)
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=60)


def all_of(env: Mapping[str, str], run: str) -> list[Writer]:
    """Return one writer for each server that applications write to; `run` keeps one run's records from another's."""
    return [postgres(env, run), redis(env, run), elasticsearch(env, run), milvus(env, run)]


def postgres(env: Mapping[str, str], run: str) -> Writer:
    def write(number: int) -> None:
        with clients.postgres(env) as connection:
            connection.execute(
                "INSERT INTO system_config (config_key, config_value) VALUES (%s, '1')", [f"{run}.{number}"]
            )

    def read() -> set[int]:
        with clients.postgres(env) as connection:
            rows = connection.execute(
                "SELECT config_key FROM system_config WHERE config_key LIKE %s", [f"{run}.%"]
            ).fetchall()
        return {int(key.rpartition(".")[2]) for (key,) in rows}

    return Writer("postgres", write, read)


def redis(env: Mapping[str, str], run: str) -> Writer:
    client = clients.redis_client(env)
    return Writer(
        "redis",
        lambda number: client.set(f"{run}:{number}", "1"),
        lambda: {int(str(key).rpartition(":")[2]) for key in client.scan_iter(match=f"{run}:*", count=1000)},
    )


def elasticsearch(env: Mapping[str, str], run: str) -> Writer:
    client = clients.elasticsearch(env)

    def write(number: int) -> None:
        client.index(index="ai_karen_documents", id=f"{run}.{number}", document={"tenant_id": run})

    def read() -> set[int]:
        client.indices.refresh(index="ai_karen_documents")
        found = client.search(index="ai_karen_documents", query={"term": {"tenant_id": run}}, size=10_000, source=False)
        return {int(hit["_id"].rpartition(".")[2]) for hit in found["hits"]["hits"]}

    return Writer("elasticsearch", write, read)


def milvus(env: Mapping[str, str], run: str) -> Writer:
    def write(number: int) -> None:
        client = clients.milvus(env)
        try:
            client.insert("persona_embeddings", [_persona(f"{run}.{number}", run)], timeout=5)
        finally:
            client.close()

    def read() -> set[int]:
        client = clients.milvus(env)
        try:
            found = client.query(
                "persona_embeddings",
                filter=f'tenant_id == "{run}"',
                output_fields=["user_id"],
                limit=10_000,
                consistency_level="Strong",
            )
        finally:
            client.close()
        return {int(row["user_id"].rpartition(".")[2]) for row in found}

    return Writer("milvus", write, read)


def _persona(user: str, tenant: str) -> dict[str, object]:
    return {
        "user_id": user,
        "tenant_id": tenant,
        "embedding": _UNIT_VECTOR,
        "metadata": {},
        "timestamp": 1,
        "version": 1,
        "persona_type": "default",
        "is_active": True,
        "confidence_score": 0.5,
    }

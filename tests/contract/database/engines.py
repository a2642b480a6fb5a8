"""What is tried with every engine alike: one write by key, every key read, one question."""

import io
from collections.abc import Callable
from typing import Any

from elasticsearch.helpers import async_scan
from psycopg import AsyncConnection

from database import DatabaseManager
from database.errors import MissingObject

DIMENSIONS = 8
NAME = "database_contract"
BUCKET = "database-contract"
VECTOR = [1.0] + [0.0] * (DIMENSIONS - 1)
ROW = {"id": 1, "text": "x", "document": {}, "vector": VECTOR}


async def prepare(manager: DatabaseManager) -> None:
    """Make an empty table, index, collection and bucket."""
    for engine in ("postgres", "redis", "elasticsearch", "milvus", "minio"):
        await prepare_one(manager, engine)


async def prepare_one(manager: DatabaseManager, engine: str) -> None:
    """Make one engine's."""
    if engine == "postgres":
        async with manager.postgres.transaction() as connection:
            await connection.execute(f"DROP TABLE IF EXISTS {NAME}")
            await connection.execute(f"CREATE TABLE {NAME} (id bigint PRIMARY KEY, name varchar(8), document jsonb)")
    elif engine == "redis":
        await manager.redis.run("empty", lambda redis: redis.flushdb(), repeatable=True)
    elif engine == "elasticsearch":
        await manager.elasticsearch.run("empty", _index, repeatable=True)
    elif engine == "milvus":
        await manager.milvus.run("empty", _collection)
    else:
        await manager.minio.run("empty", _bucket, repeatable=True)


async def _index(client: Any) -> None:
    await client.options(ignore_status=404).indices.delete(index=NAME)
    fields = {
        "number": {"type": "long"},
        "vector": {"type": "dense_vector", "dims": DIMENSIONS, "index": True, "similarity": "cosine"},
    }
    await client.indices.create(
        index=NAME, mappings={"properties": fields}, settings={"number_of_replicas": 0}, wait_for_active_shards=1
    )


async def _collection(client: Any) -> None:
    from pymilvus import DataType

    if NAME in await client.list_collections():
        await client.drop_collection(NAME)
    schema = client.create_schema(auto_id=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("text", DataType.VARCHAR, max_length=16)
    schema.add_field("document", DataType.JSON)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIMENSIONS)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="HNSW", metric_type="IP", params={"M": 8, "efConstruction": 32})
    await client.create_collection(NAME, schema=schema, index_params=index)


def _bucket(client: Any) -> None:
    if not client.bucket_exists(BUCKET):
        client.make_bucket(BUCKET)
    for found in list(client.list_objects(BUCKET, recursive=True)):
        client.remove_object(BUCKET, found.object_name)


def value(key: int) -> str:
    """Return what is written under a key."""
    return f"v{key}"


def writing(engine: str, key: int) -> Callable[[Any], Any]:
    """Return what writes one thing with an engine's client, of coroutines or of threads; its acknowledgement counts."""
    if engine == "postgres":
        return lambda one: one.execute(f"INSERT INTO {NAME} (id, name) VALUES (%s, %s)", [key, value(key)])
    if engine == "redis":
        return lambda redis: redis.set(f"key-{key}", value(key))
    if engine == "elasticsearch":
        return lambda es: es.index(index=NAME, id=str(key), document={"number": key, "value": value(key)})
    if engine == "milvus":
        return lambda milvus: milvus.upsert(NAME, [{**ROW, "id": key, "text": value(key)}])
    return lambda minio: minio.put_object(
        BUCKET, f"key-{key}", io.BytesIO(value(key).encode()), len(value(key).encode())
    )


async def write(manager: DatabaseManager, engine: str, key: int) -> None:
    """Write one thing."""
    await getattr(manager, engine).run("write", writing(engine, key))


async def find(manager: DatabaseManager, engine: str, key: int) -> str | None:
    """Read what is under a key: what was acknowledged is found at once."""
    client = getattr(manager, engine)
    try:
        if engine == "postgres":
            found = await client.run("find", lambda one: _one_row(one, key), repeatable=True)
            return str(found[0]) if found else None
        if engine == "redis":
            found = await client.run("find", lambda redis: redis.get(f"key-{key}"), repeatable=True)
            return found.decode() if found else None
        if engine == "elasticsearch":
            found = await client.run("find", lambda es: es.get(index=NAME, id=str(key)), repeatable=True)
            return str(found["_source"]["value"])
        if engine == "milvus":
            found = await client.run("find", lambda one: _entities(one, f"id == {key}", "text"), repeatable=True)
            return found[0]["text"] if found else None
        return str(
            await client.run("find", lambda minio: minio.get_object(BUCKET, f"key-{key}").data, repeatable=True),
            "utf-8",
        )
    except MissingObject:
        return None


async def read(manager: DatabaseManager, engine: str) -> set[int]:
    """Read the key of everything that was written."""
    if engine == "postgres":
        rows: list[Any] = await manager.postgres.run("read", _rows, repeatable=True)
        return {row[0] for row in rows}
    if engine == "redis":
        keys: Any = await manager.redis.run("read", lambda redis: redis.keys("key-*"), repeatable=True)
        return {int(key.decode().removeprefix("key-")) for key in keys}
    if engine == "elasticsearch":
        return await manager.elasticsearch.run("read", _documents, repeatable=True)
    if engine == "milvus":
        found = await manager.milvus.run("read", _entities, repeatable=True)
        return {row["id"] for row in found}
    return await manager.minio.run("read", _objects, repeatable=True)


def asking(engine: str) -> Callable[[Any], Any]:
    """Return what asks something small that reads data."""
    if engine == "milvus":
        return lambda one: one.search(NAME, [VECTOR], anns_field="vector", limit=1)
    if engine == "postgres":
        return lambda one: one.execute(f"SELECT 1 FROM {NAME} WHERE id = 1")
    if engine == "redis":
        return lambda redis: redis.get("key-1")
    if engine == "elasticsearch":
        return lambda es: es.count(index=NAME)
    return lambda minio: minio.bucket_exists(BUCKET)


async def ask(manager: DatabaseManager, engine: str) -> None:
    """Ask."""
    await getattr(manager, engine).run("ask", asking(engine))


async def _rows(connection: AsyncConnection) -> list[Any]:
    return await (await connection.execute(f"SELECT id FROM {NAME}")).fetchall()


async def _one_row(connection: AsyncConnection, key: int) -> Any:
    return await (await connection.execute(f"SELECT name FROM {NAME} WHERE id = %s", [key])).fetchone()


async def _documents(client: Any) -> set[int]:
    await client.indices.refresh(index=NAME)
    return {hit["_source"]["number"] async for hit in async_scan(client, index=NAME, size=10_000)}


async def _entities(client: Any, wanted: str = "id >= 0", field: str = "id") -> Any:
    return await client.query(NAME, filter=wanted, output_fields=[field], limit=16_000, consistency_level="Strong")


def _objects(client: Any) -> set[int]:
    return {int(one.object_name.removeprefix("key-")) for one in client.list_objects(BUCKET)}

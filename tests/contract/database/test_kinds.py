"""What servers refuse is a typed error that names engine and operation: of coroutines' clients and of threads'."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from psycopg import sql

from database import DatabaseManager, SyncDatabaseManager, errors, filters
from tests.contract.database import engines
from tests.contract.database.conftest import PORTS, Settings, alone
from tests.contract.database.engines import BUCKET, DIMENSIONS, NAME, ROW, VECTOR

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("prepared")]
_INJECTED = f"x'; DROP TABLE {NAME}; --\""
Function = Callable[[Any], Awaitable[Any]]
_JSON = {"content-type": "application/json", "accept": "application/json"}
_SHORT = [1.0] * (DIMENSIONS - 1)
_POLICY = '{"Version": "2012-10-17", "Statement": ['

# Engine, what is done, what it means.
_REFUSED: list[tuple[str, Function, type[errors.DatabaseError]]] = [
    ("postgres", lambda one: one.execute("SELECT * FROM nothing"), errors.MissingObject),
    ("postgres", lambda one: one.execute(sql.SQL("TABLE {}").format(sql.Identifier(_INJECTED))), errors.MissingObject),
    ("postgres", lambda one: one.execute(f"SELECT nothing FROM {NAME}"), errors.MissingObject),
    ("postgres", lambda one: one.execute("SELEC 1"), errors.InvalidInput),
    ("postgres", lambda one: one.execute(f"INSERT INTO {NAME} VALUES (-1, 'too long for it')"), errors.TooLarge),
    ("postgres", lambda one: one.execute(f"INSERT INTO {NAME} VALUES (-1, '', '{{')"), errors.BadDocument),
    ("postgres", lambda one: one.execute(f"INSERT INTO {NAME} VALUES (%s)", ["\x00"]), errors.InvalidInput),
    ("postgres", lambda one: one.execute(f"INSERT INTO {NAME} VALUES (0), (0)"), errors.Conflict),
    ("redis", lambda one: one.setrange("key", 600 * 1024 * 1024, "x"), errors.TooLarge),
    ("redis", lambda one: one.execute_command("NOTHING"), errors.InvalidInput),
    ("redis", lambda one: one.set("key", {}), errors.InvalidInput),
    ("elasticsearch", lambda one: one.search(index="nothing"), errors.MissingObject),
    ("elasticsearch", lambda one: one.index(index=_INJECTED, document={}), errors.InvalidInput),
    ("elasticsearch", lambda one: one.index(index=NAME, document={"text": "x" * (2 << 20)}), errors.TooLarge),
    ("elasticsearch", lambda one: one.index(index=NAME, document={"number": "x"}), errors.BadDocument),
    ("elasticsearch", lambda one: one.index(index=NAME, document={"x": object()}), errors.BadDocument),
    ("elasticsearch", lambda one: one.index(index=NAME, document={"vector": _SHORT}), errors.DimensionMismatch),
    (
        "elasticsearch",
        lambda one: one.search(index=NAME, knn={"field": "vector", "query_vector": _SHORT, "k": 1}),
        errors.DimensionMismatch,
    ),
    ("elasticsearch", lambda one: one.search(index=NAME, query={"nothing": {}}), errors.InvalidInput),
    (
        "elasticsearch",
        lambda one: one.perform_request("PUT", f"/{NAME}/_doc/1", headers=_JSON, body='{"number": '),
        errors.BadDocument,
    ),
    ("elasticsearch", lambda one: one.create(index=NAME, id="1", document={"number": 1}), errors.Conflict),
    ("milvus", lambda one: one.search("nothing", [VECTOR], limit=1), errors.MissingObject),
    ("milvus", lambda one: one.upsert("nothing", [ROW]), errors.MissingObject),
    ("milvus", lambda one: one.load_collection("nothing"), errors.MissingObject),
    ("milvus", lambda one: one.search(NAME, [VECTOR], anns_field="nothing", limit=1), errors.MissingObject),
    ("milvus", lambda one: one.load_collection(_INJECTED), errors.InvalidInput),
    ("milvus", lambda one: one.search(_INJECTED, [VECTOR], limit=1), errors.MissingObject),
    ("milvus", lambda one: one.query(NAME, filter="id == 1", output_fields=[_INJECTED]), errors.MissingObject),
    ("milvus", lambda one: one.upsert(NAME, [{**ROW, "vector": _SHORT}]), errors.DimensionMismatch),
    ("milvus", lambda one: one.search(NAME, [_SHORT], anns_field="vector", limit=1), errors.DimensionMismatch),
    ("milvus", lambda one: one.upsert(NAME, [{**ROW, "text": "x" * 17}]), errors.TooLarge),
    ("milvus", lambda one: one.upsert(NAME, [{**ROW, "document": {"x": "y" * 70_000}}]), errors.TooLarge),
    ("milvus", lambda one: one.upsert(NAME, [{**ROW, "document": "{"}]), errors.BadDocument),
    ("milvus", lambda one: one.upsert(NAME, [{**ROW, "document": {"x": object()}}]), errors.BadDocument),
    ("milvus", lambda one: one.upsert(NAME, [{"id": 1}]), errors.InvalidInput),
    ("milvus", lambda one: one.query(NAME, filter="id ==== 1"), errors.InvalidInput),
    ("minio", lambda one: one.stat_object("nothing-there", "x"), errors.MissingObject),
    ("minio", lambda one: one.stat_object(BUCKET, "nothing"), errors.MissingObject),
    ("minio", lambda one: one.bucket_exists(_INJECTED), errors.InvalidInput),
    ("minio", lambda one: one.stat_object("nothing-there", _INJECTED), errors.MissingObject),
    ("minio", lambda one: one.set_bucket_policy(BUCKET, _POLICY), errors.BadDocument),
    ("minio", lambda one: one.put_object(BUCKET, "x" * 1025, io.BytesIO(b""), 0), errors.TooLarge),
    ("minio", lambda one: one.make_bucket(BUCKET), errors.Conflict),
]


@pytest.mark.parametrize(
    ("engine", "function", "kind"), _REFUSED, ids=[f"{one[0]}-{number}" for number, one in enumerate(_REFUSED)]
)
def test_a_refusal_has_its_kind(
    engine: str, function: Function, kind: type[errors.DatabaseError], settings: Settings
) -> None:
    async def scenario() -> None:
        async with DatabaseManager(settings(**alone(engine))) as manager:
            client: Any = getattr(manager, engine)
            with pytest.raises(kind) as caught:
                await client.run("refused", function)
            assert (caught.value.engine, caught.value.operation) == (engine, "refused")
            assert caught.value.fix
            # It has answered: nobody is kept from it.
            assert (await client.health()).status == "ok"

    asyncio.run(scenario())
    with SyncDatabaseManager(settings(**alone(engine))) as manager:
        client: Any = getattr(manager, engine)
        with pytest.raises(kind) as caught:
            client.run("refused", function)
        assert (caught.value.engine, caught.value.operation) == (engine, "refused")


@pytest.mark.parametrize("engine", PORTS)
def test_a_wrong_password_is_told_at_once_and_not_repeated(engine: str, settings: Settings) -> None:
    wrong = dict.fromkeys(("MINIO_SECRET_KEY",), "wrong-password")
    wrong |= {f"{one.upper()}_PASSWORD": "wrong-password" for one in PORTS if one != "minio"}

    async def scenario() -> None:
        manager = DatabaseManager(settings(**wrong))
        with pytest.raises(errors.AuthenticationFailed) as caught:
            await engines.ask(manager, engine)
        assert (caught.value.engine, caught.value.operation) == (engine, "ask")
        assert "wrong-password" not in str(caught.value) + repr(caught.value.__cause__)
        health = await getattr(manager, engine).health()
        assert (health.status, health.breaker) == ("down", "closed")
        await manager.close()

    asyncio.run(scenario())
    with pytest.raises(errors.AuthenticationFailed):
        getattr(SyncDatabaseManager(settings(**wrong)), engine).open()


@pytest.mark.parametrize("engine", PORTS)
def test_a_name_with_sql_in_it_is_a_name(engine: str, settings: Settings) -> None:
    """Where an engine allows it, it is stored and found under it, and nothing else is touched."""

    async def scenario() -> None:
        async with DatabaseManager(settings(**alone(engine))) as manager:
            client: Any = getattr(manager, engine)
            assert await client.run("name", _NAMED[engine]) == "kept"
            await engines.ask(manager, engine)

    asyncio.run(scenario())


async def _table(connection: Any) -> str:
    name = sql.Identifier(_INJECTED)
    await connection.execute(sql.SQL("CREATE TABLE {} (name text)").format(name))
    await connection.execute(sql.SQL("INSERT INTO {} VALUES (%s)").format(name), [_INJECTED])
    found = await (await connection.execute(sql.SQL("TABLE {}").format(name))).fetchone()
    await connection.execute(sql.SQL("DROP TABLE {}").format(name))
    return "kept" if found == (_INJECTED,) else str(found)


async def _key(redis: Any) -> str:
    await redis.set(f"{_INJECTED}\r\nFLUSHALL\r\n", "kept")
    return str((await redis.get(f"{_INJECTED}\r\nFLUSHALL\r\n")).decode())


async def _document(es: Any) -> str:
    await es.index(index=NAME, id=_INJECTED, document={_INJECTED: "kept"}, refresh=True)
    found = await es.search(index=NAME, query={"ids": {"values": [_INJECTED]}})
    return str(found["hits"]["hits"][0]["_source"][_INJECTED])


async def _row(milvus: Any) -> str:
    name = _INJECTED[:16]
    await milvus.upsert(NAME, [{**ROW, "id": -7, "text": name}])
    condition = filters.equals("text", name)
    found = await milvus.query(NAME, filter=condition, output_fields=["text"], consistency_level="Strong")
    await milvus.delete(NAME, ids=[-7])
    return "kept" if [one["text"] for one in found] == [name] else str(found)


def _object(minio: Any) -> str:
    minio.put_object(BUCKET, _INJECTED, io.BytesIO(b"kept"), 4)
    with minio.get_object(BUCKET, _INJECTED) as answer:
        return str(answer.read(), "utf-8")


_NAMED = {"postgres": _table, "redis": _key, "elasticsearch": _document, "milvus": _row, "minio": _object}


def test_a_missing_database_is_named(settings: Settings) -> None:
    async def scenario() -> None:
        with pytest.raises(errors.MissingObject, match="nothing_here"):
            await DatabaseManager(settings(POSTGRES_DB="nothing_here")).postgres.open()

    asyncio.run(scenario())


def test_a_transaction_is_whole_or_nothing(settings: Settings) -> None:
    async def insert(manager: DatabaseManager, *keys: int, ends: Exception | None = None) -> None:
        async with manager.postgres.transaction("insert") as connection:
            for key in keys:
                await connection.execute(f"INSERT INTO {NAME} VALUES (%s)", [key])
            if ends is not None:
                raise ends

    async def scenario() -> None:
        async with DatabaseManager(settings()) as manager:
            with pytest.raises(errors.Conflict) as caught:
                await insert(manager, 101, 101)
            assert caught.value.operation == "insert"
            with pytest.raises(KeyError, match="mine"):
                await insert(manager, 102, ends=KeyError("mine"))
            # What looks like a server's failure, and is the caller's own.
            for own in (TimeoutError("mine"), ConnectionResetError("mine")):
                with pytest.raises(type(own), match="mine"):
                    await insert(manager, 104, ends=own)
            assert (await manager.postgres.health()).breaker == "closed"
            await insert(manager, 103)
            assert {101, 102, 103, 104} & await engines.read(manager, "postgres") == {103}

    asyncio.run(scenario())


def test_a_collection_that_is_not_loaded_is_loaded_and_asked_again(settings: Settings) -> None:
    async def scenario() -> None:
        async with DatabaseManager(settings()) as manager:
            await manager.milvus.run("release", lambda one: one.release_collection(NAME))
            await engines.ask(manager, "milvus")

    asyncio.run(scenario())
    with SyncDatabaseManager(settings()) as manager:
        manager.milvus.client.release_collection(NAME)
        manager.milvus.run("ask", lambda one: one.search(NAME, [VECTOR], anns_field="vector", limit=1))


def test_every_engine_is_healthy_and_says_so(settings: Settings) -> None:
    async def scenario() -> None:
        async with DatabaseManager(settings()) as manager:
            health = await manager.health()
            assert health.status == "ok", json.dumps(health.as_dict())
            assert health["duckdb"].status == "disabled"
            assert all(health[engine].latency for engine in PORTS)
            assert health["postgres"].pool["maximum"] == 10

    asyncio.run(scenario())
    with SyncDatabaseManager(settings()) as manager:
        assert manager.health().status == "ok"

"""A full pool and a statement without end: one waits for as long as one has said, and is told what it was."""

import asyncio
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from database import DatabaseManager, SyncDatabaseManager, errors
from tests.contract.database import engines
from tests.contract.database.conftest import Settings
from tests.contract.database.wire import Wire, slow

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("prepared")]


def _sleep(seconds: float) -> Any:
    return lambda connection: connection.execute("SELECT pg_sleep(%s)", [seconds])


def test_who_finds_no_connection_waits_for_one(settings: Settings) -> None:
    async def scenario() -> None:
        async with DatabaseManager(settings(POSTGRES_POOL_MAX="2", POSTGRES_POOL_TIMEOUT="5")) as manager:
            began = time.monotonic()
            await asyncio.gather(*(manager.postgres.run("sleep", _sleep(0.3)) for _ in range(6)))
            assert 0.9 <= time.monotonic() - began < 4

    asyncio.run(scenario())


def test_who_has_waited_too_long_is_told_that_the_pool_is_full(settings: Settings) -> None:
    async def scenario() -> None:
        async with DatabaseManager(settings(POSTGRES_POOL_MAX="2", POSTGRES_POOL_TIMEOUT="0.5")) as manager:
            holders = [asyncio.create_task(manager.postgres.run("hold", _sleep(1.5))) for _ in range(2)]
            await asyncio.sleep(0.3)
            began = time.monotonic()
            with pytest.raises(errors.PoolExhausted, match="POSTGRES_POOL_MAX") as caught:
                await manager.postgres.run("read", _sleep(0))
            assert 0.4 < time.monotonic() - began < 1.5
            assert caught.value.operation == "read"
            pool = manager.postgres.pool()
            assert (pool["maximum"], pool["in_use"]) == (2, 2)
            await asyncio.gather(*holders)
            # A full pool is no failure of the server.
            assert (await manager.postgres.health()).breaker == "closed"

    asyncio.run(scenario())


def test_threads_wait_for_a_connection_alike(settings: Settings) -> None:
    with SyncDatabaseManager(settings(POSTGRES_POOL_MAX="1", POSTGRES_POOL_TIMEOUT="0.5")) as manager:
        holder = threading.Thread(target=lambda: manager.postgres.run("hold", _sleep(1.2)))
        holder.start()
        time.sleep(0.3)
        with pytest.raises(errors.PoolExhausted):
            manager.postgres.run("read", _sleep(0))
        holder.join()
        manager.postgres.run("read", _sleep(0))


def test_a_redis_pool_that_is_full_is_told(settings: Settings) -> None:
    async def scenario() -> None:
        async with DatabaseManager(settings(REDIS_POOL_MAX="1", REDIS_POOL_TIMEOUT="0.3")) as manager:
            holder = asyncio.create_task(manager.redis.run("hold", lambda redis: redis.blpop(["none"], timeout=1)))
            await asyncio.sleep(0.1)
            with pytest.raises(errors.PoolExhausted):
                await manager.redis.run("get", lambda redis: redis.get("x"))
            await holder

    asyncio.run(scenario())


# Engines whose calls have a place in the client, and what takes one for a while: nothing is asked of a server that is slow.
_POOLED = ("elasticsearch", "minio")


@pytest.mark.parametrize("engine", _POOLED)
def test_a_pool_of_the_client_s_own_is_waited_for_and_then_told(
    engine: str, settings: Settings, wires: Mapping[str, Wire]
) -> None:
    async def scenario() -> None:
        small = {f"{engine.upper()}_POOL_MAX": "2", f"{engine.upper()}_POOL_TIMEOUT": "0.3"}
        async with DatabaseManager(settings(**small)) as manager:
            client: Any = getattr(manager, engine)
            await engines.ask(manager, engine)
            # Longer than one waits, and shorter than one waits twice.
            wires[engine].delay = 0.2
            await asyncio.gather(*(engines.ask(manager, engine) for _ in range(4)))
            wires[engine].delay = 0.8
            holders = [asyncio.create_task(engines.ask(manager, engine)) for _ in range(2)]
            await asyncio.sleep(0.1)
            began = time.monotonic()
            with pytest.raises(errors.PoolExhausted, match=f"{engine.upper()}_POOL_MAX") as caught:
                await engines.ask(manager, engine)
            assert 0.25 < time.monotonic() - began < 0.7
            assert (caught.value.engine, caught.value.operation) == (engine, "ask")
            assert (client.pool()["maximum"], client.pool()["in_use"]) == (2, 2)
            await asyncio.gather(*holders)
            wires[engine].delay = 0.0
            assert (await client.health()).breaker == "closed"

    with slow(wires[engine]):
        asyncio.run(scenario())


@pytest.mark.parametrize("engine", _POOLED)
def test_threads_wait_for_such_a_pool_alike(engine: str, settings: Settings, wires: Mapping[str, Wire]) -> None:
    small = {f"{engine.upper()}_POOL_MAX": "1", f"{engine.upper()}_POOL_TIMEOUT": "0.3"}
    with SyncDatabaseManager(settings(**small)) as manager, slow(wires[engine]):
        client: Any = getattr(manager, engine)
        client.run("ask", engines.asking(engine))
        wires[engine].delay = 0.8
        holder = threading.Thread(target=lambda: client.run("hold", engines.asking(engine)))
        holder.start()
        time.sleep(0.1)
        with pytest.raises(errors.PoolExhausted, match=f"{engine.upper()}_POOL_MAX"):
            client.run("ask", engines.asking(engine))
        holder.join()
        wires[engine].delay = 0.0
        client.run("ask", engines.asking(engine))


@pytest.mark.parametrize("engine", ["postgres", "redis", *_POOLED])
def test_a_full_pool_is_no_server_that_is_down(engine: str, settings: Settings, wires: Mapping[str, Wire]) -> None:
    small = {f"{engine.upper()}_POOL_MAX": "1", f"{engine.upper()}_POOL_TIMEOUT": "0.1", "DATABASE_PROBE_TIMEOUT": "5"}

    async def scenario() -> None:
        async with DatabaseManager(settings(**small)) as manager:
            client: Any = getattr(manager, engine)
            await engines.ask(manager, engine)
            wires[engine].delay = 0.3
            holder = asyncio.create_task(engines.ask(manager, engine))
            await asyncio.sleep(0.1)
            assert client.pool()["in_use"] == 1
            health = await client.health()
            assert (health.status in ("ok", "degraded"), health.error) == (True, None)
            await holder
            wires[engine].delay = 0.0

    def threads() -> None:
        with SyncDatabaseManager(settings(**small)) as manager:
            client: Any = getattr(manager, engine)
            client.run("ask", engines.asking(engine))
            wires[engine].delay = 0.3
            holder = threading.Thread(target=lambda: client.run("hold", engines.asking(engine)))
            holder.start()
            time.sleep(0.1)
            assert client.health().error is None
            holder.join()
            wires[engine].delay = 0.0

    with slow(wires[engine]):
        asyncio.run(scenario())
    with slow(wires[engine]):
        threads()


def test_a_statement_that_takes_too_long_is_ended_by_the_server(settings: Settings) -> None:
    async def scenario() -> None:
        async with DatabaseManager(settings(POSTGRES_TIMEOUT="0.5")) as manager:
            began = time.monotonic()
            with pytest.raises(errors.OperationTimeout) as caught:
                await manager.postgres.run("slow", _sleep(20))
            assert 0.4 < time.monotonic() - began < 1.5
            assert (caught.value.engine, caught.value.operation) == ("postgres", "slow")
            await manager.postgres.run("ask", _sleep(0))

    asyncio.run(scenario())

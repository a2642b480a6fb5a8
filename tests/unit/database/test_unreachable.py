"""Servers that are not there, and servers that never answer: typed, in time, and the manager tells it all at once."""

import asyncio
import time
from typing import Any

import pytest

from database import DatabaseManager, DatabaseSettings, SyncDatabaseManager
from database.errors import CircuitOpen, EngineDisabled, OperationTimeout, Unavailable
from database.manager import ENGINES
from tests.unit.database.engines import closed_port, silent_server

SERVERS = ("postgres", "redis", "elasticsearch", "milvus", "minio")
SECRETS = {
    "POSTGRES_PASSWORD": "secret-1", "REDIS_PASSWORD": "secret-2", "ELASTICSEARCH_PASSWORD": "secret-3",
    "ELASTICSEARCH_USER": "karen", "MILVUS_USER": "karen", "MILVUS_PASSWORD": "secret-4",
    "MINIO_ACCESS_KEY": "karen", "MINIO_SECRET_KEY": "secret-5",
}  # fmt: skip


def at(port: int, **more: str) -> DatabaseSettings:
    names = [name.upper() for name in SERVERS]
    timeouts = {f"{name}_{kind}": "0.5" for name in names for kind in ("TIMEOUT", "CONNECT_TIMEOUT", "POOL_TIMEOUT")}
    places = {f"{name}_HOST": "127.0.0.1" for name in names} | {f"{name}_PORT": str(port) for name in names}
    return DatabaseSettings.of({
        **places, **timeouts, **SECRETS, "DUCKDB_PATH": "/nowhere/kari.db", "DATABASE_PROBE_TIMEOUT": "0.5",
        "DATABASE_TELEMETRY": "off", **more,
    })  # fmt: skip


async def nothing(_: Any) -> None:
    return


@pytest.mark.parametrize("engine", SERVERS)
def test_a_refused_connection_is_unavailable_and_then_costs_nothing(engine: str) -> None:
    async def scenario() -> None:
        manager = DatabaseManager(at(closed_port()))
        client: Any = getattr(manager, engine)
        for _ in range(5):
            with pytest.raises(Unavailable) as caught:
                await client.run("point read", nothing)
            assert (caught.value.engine, caught.value.operation) == (engine, "point read")
            assert not isinstance(caught.value, CircuitOpen)
        began = time.perf_counter()
        with pytest.raises(CircuitOpen):
            await client.run("point read", nothing)
        assert time.perf_counter() - began < 0.01
        await manager.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("engine", SERVERS)
def test_a_server_that_never_answers_is_given_up_in_time(engine: str) -> None:
    async def scenario(port: int) -> None:
        manager = DatabaseManager(at(port))
        client: Any = getattr(manager, engine)
        began = time.perf_counter()
        with pytest.raises((Unavailable, OperationTimeout)) as caught:
            await client.run("point read", nothing)
        # libpq's least patience is two seconds.
        assert time.perf_counter() - began < 4
        assert caught.value.engine == engine
        await manager.close()

    with silent_server() as port:
        asyncio.run(scenario(port))


def test_a_manager_opens_without_servers_and_says_what_is_missing() -> None:
    async def scenario() -> None:
        async with DatabaseManager(at(closed_port(), ENABLE_MILVUS="false")) as manager:
            health = await manager.health()
            assert health.status == "down"
            found = health.as_dict()["engines"]
            assert list(found) == list(ENGINES)
            assert found["milvus"] == {
                "status": "disabled", "latency_ms": None, "pool": {}, "breaker": "closed", "error": None,
            }  # fmt: skip
            assert all(found[one]["status"] == "down" and found[one]["error"] for one in found if one != "milvus")
            assert "secret-" not in str(found)
            with pytest.raises(EngineDisabled, match="ENABLE_MILVUS is false"):
                _ = manager.milvus

    asyncio.run(scenario())


def test_engines_are_opened_at_the_same_time() -> None:
    """Each takes two seconds to be given up: libpq's least patience, which the others are given too."""
    patient = {f"{name.upper()}_{kind}": "2" for name in SERVERS for kind in ("TIMEOUT", "CONNECT_TIMEOUT")}

    async def scenario(port: int) -> None:
        manager = DatabaseManager(at(port, **patient))
        began = time.perf_counter()
        failures = await manager.open()
        # One after another they would take ten.
        assert time.perf_counter() - began < 6
        assert set(failures) >= set(SERVERS)
        await manager.close()

    with silent_server() as port:
        asyncio.run(scenario(port))


def test_the_manager_for_threads_tells_the_same() -> None:
    with SyncDatabaseManager(at(closed_port(), ENABLE_REDIS="false")) as manager:
        health = manager.health()
        assert health.status == "down"
        assert health["redis"].status == "disabled"
        with pytest.raises(Unavailable):
            manager.postgres.run("point read", lambda connection: connection.execute("SELECT 1"))
        with pytest.raises(EngineDisabled):
            _ = manager.redis


def test_health_for_threads_is_told_in_time_of_servers_that_never_answer() -> None:
    patient = {
        f"{name.upper()}_{kind}": "20" for name in SERVERS for kind in ("TIMEOUT", "CONNECT_TIMEOUT", "POOL_TIMEOUT")
    }
    with silent_server() as port:
        # It is not closed: the threads that still ask end with their servers.
        manager = SyncDatabaseManager(at(port, **patient))
        began = time.perf_counter()
        health = manager.health()
        assert time.perf_counter() - began < 3
    assert health.status == "down"
    assert {health[engine].status for engine in SERVERS} == {"down"}


def test_no_secret_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        async with DatabaseManager(at(closed_port())) as manager:
            await manager.health()

    asyncio.run(scenario())
    printed = "".join(capsys.readouterr())
    assert "not opened" in printed
    assert "secret-" not in printed

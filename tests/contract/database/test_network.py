"""A slow server and a cut network: nobody waits longer than one has said, and whoever waited is told what it was."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest

from database import DatabaseManager, SyncDatabaseManager, errors
from tests.contract.database import engines
from tests.contract.database.conftest import PORTS, Settings, alone
from tests.contract.database.wire import Wire, slow

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("prepared")]
_TIMEOUTS = {f"{one.upper()}_TIMEOUT": "1" for one in PORTS}


@pytest.mark.parametrize("engine", PORTS)
def test_a_slow_server_is_waited_for_and_is_degraded(
    engine: str, settings: Settings, wires: Mapping[str, Wire]
) -> None:
    async def scenario() -> None:
        async with DatabaseManager(settings(DATABASE_SLOW_HEALTH="0.2", **alone(engine))) as manager:
            await engines.ask(manager, engine)
            wires[engine].delay = 0.3
            await engines.ask(manager, engine)
            health = await getattr(manager, engine).health()
            assert (health.status, health.breaker, health.error) == ("degraded", "closed", None)

    with slow(wires[engine]):
        asyncio.run(scenario())


@pytest.mark.parametrize("engine", PORTS)
def test_a_server_that_is_too_slow_is_given_up_in_time(
    engine: str, settings: Settings, wires: Mapping[str, Wire]
) -> None:
    async def scenario() -> None:
        async with DatabaseManager(settings(**_TIMEOUTS, **alone(engine))) as manager:
            await engines.ask(manager, engine)
            wires[engine].delay = 3
            began = time.monotonic()
            with pytest.raises(errors.OperationTimeout) as caught:
                await engines.ask(manager, engine)
            assert 0.9 < time.monotonic() - began < 2.9
            wires[engine].delay = 0.0
            assert (caught.value.engine, caught.value.operation) == (engine, "ask")

    def threads() -> None:
        with SyncDatabaseManager(settings(**_TIMEOUTS, **alone(engine))) as manager:
            client: Any = getattr(manager, engine)
            client.run("ask", engines.asking(engine))
            wires[engine].delay = 3
            with pytest.raises(errors.OperationTimeout):
                client.run("ask", engines.asking(engine))
            wires[engine].delay = 0.0

    with slow(wires[engine]):
        asyncio.run(scenario())
    with slow(wires[engine]):
        threads()


def test_who_is_under_way_when_milvus_channel_is_renewed_gets_an_answer(
    settings: Settings, wires: Mapping[str, Wire]
) -> None:
    """A channel that is closed would cancel the tasks of those who wait for it."""

    async def scenario() -> None:
        async with DatabaseManager(settings()) as manager:
            await engines.ask(manager, "milvus")
            wires["milvus"].delay = 1
            under_way = [asyncio.create_task(engines.ask(manager, "milvus")) for _ in range(3)]
            await asyncio.sleep(0.2)
            await manager.milvus._recover()
            await asyncio.gather(*under_way)
            wires["milvus"].delay = 0.0
            await engines.ask(manager, "milvus")

    with slow(wires["milvus"]):
        asyncio.run(scenario())


@pytest.mark.parametrize("engine", PORTS)
def test_a_cut_network_is_given_up_in_time_and_found_again(
    engine: str, settings: Settings, wires: Mapping[str, Wire]
) -> None:
    async def scenario() -> None:
        async with DatabaseManager(settings(**_TIMEOUTS, **alone(engine))) as manager:
            await engines.ask(manager, engine)
            wires[engine].cut()
            try:
                began = time.monotonic()
                with pytest.raises((errors.OperationTimeout, errors.Unavailable)) as caught:
                    await engines.ask(manager, engine)
                assert time.monotonic() - began < 4
                assert (caught.value.engine, caught.value.operation) == (engine, "ask")
                began = time.monotonic()
                assert (await getattr(manager, engine).health()).status == "down"
                # Who gives up by himself does not wait for more either.
                with pytest.raises((TimeoutError, errors.DatabaseError)):
                    await asyncio.wait_for(engines.ask(manager, engine), 0.5)
                assert time.monotonic() - began < 6
            finally:
                wires[engine].mend()
            await _until_answered(manager, engine, seconds=5)

    asyncio.run(scenario())


@pytest.mark.parametrize("engine", PORTS)
def test_threads_give_up_a_cut_network_too(engine: str, settings: Settings, wires: Mapping[str, Wire]) -> None:
    with SyncDatabaseManager(settings(**_TIMEOUTS, **alone(engine))) as manager:
        client: Any = getattr(manager, engine)
        client.run("ask", engines.asking(engine))
        wires[engine].cut()
        try:
            began = time.monotonic()
            with pytest.raises((errors.OperationTimeout, errors.Unavailable)) as caught:
                client.run("ask", engines.asking(engine))
            assert time.monotonic() - began < 4
            assert (caught.value.engine, caught.value.operation) == (engine, "ask")
        finally:
            wires[engine].mend()
        client.run("ask", engines.asking(engine), repeatable=True)


async def _until_answered(manager: DatabaseManager, engine: str, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            await engines.ask(manager, engine)
        except errors.DatabaseError:
            assert time.monotonic() < deadline, f"{engine} is not found again within {seconds} s"
            await asyncio.sleep(0.05)
        else:
            return

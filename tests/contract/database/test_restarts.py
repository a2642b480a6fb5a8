"""A server that is killed under fifty callers: fast refusals while it is away, found again soon, nothing acknowledged lost."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from database import DatabaseManager, SyncDatabaseManager
from tests.contract.containers import Contract
from tests.contract.database import engines, raw
from tests.contract.database.conftest import PORTS, Settings, alone
from tests.contract.database.traffic import Traffic

pytestmark = [pytest.mark.contract, pytest.mark.timeout(200)]
_CALLERS = 50
_WITHIN_SECONDS = 5.0
_REFUSED_SECONDS = 0.01
_AWAY_SECONDS = 180.0


# Those that take long to start do so together.
@pytest.mark.parametrize("killed", [("postgres", "redis", "minio"), ("elasticsearch", "milvus")])
def test_killed_servers_are_left_alone_and_found_again(
    killed: Sequence[str], contract: Contract, settings: Settings
) -> None:
    async def scenario() -> None:
        # For the threads that call, and those that start and ask servers.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(32))
        await asyncio.gather(*(_scenario(engine, contract, settings, kills=1) for engine in killed))

    asyncio.run(scenario())


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", PORTS)
def test_a_server_that_is_killed_again_and_again_loses_nothing(
    engine: str, contract: Contract, settings: Settings
) -> None:
    asyncio.run(_scenario(engine, contract, settings, kills=5))


async def _scenario(engine: str, contract: Contract, settings: Settings, *, kills: int) -> None:
    async with DatabaseManager(settings(MILVUS_TIMEOUT="60", **alone(engine))) as manager:
        await engines.prepare_one(manager, engine)
    patient = settings(**{f"{engine.upper()}_TIMEOUT": "5"}, **alone(engine))
    async with DatabaseManager(patient) as manager:
        with SyncDatabaseManager(patient) as threads:
            traffic = Traffic(engine)
            callers = traffic.begin(manager, _CALLERS, threads)
            try:
                for _ in range(kills):
                    await asyncio.sleep(1.5)
                    assert traffic.written, traffic.failures
                    await _killed(manager, traffic, contract)
                    await _back(traffic, contract, settings)
                await asyncio.sleep(1)
            finally:
                traffic.is_over = True
            await asyncio.gather(*callers)
        assert (await getattr(manager, engine).health()).breaker == "closed"
        assert traffic.wrong == []
        assert "MissingObject" not in traffic.failures, traffic.failures
        assert traffic.written <= await engines.read(manager, engine)


async def _killed(manager: DatabaseManager, traffic: Traffic, contract: Contract) -> None:
    """Kill the server, and see that soon nobody waits for it."""
    await asyncio.to_thread(contract.kill, traffic.engine)
    client = getattr(manager, traffic.engine)
    deadline = time.monotonic() + 8
    while client._breaker.state == "closed":
        assert time.monotonic() < deadline, traffic.failures
        await asyncio.sleep(0.05)
    # Those who were under way try once more before they are refused.
    await asyncio.sleep(1)
    traffic.refused_seconds.clear()
    before = traffic.failures.total()
    await asyncio.sleep(2)
    assert (await client.health()).status == "down"
    refused = sorted(traffic.refused_seconds)
    assert len(refused) > _CALLERS, traffic.failures
    # Now and then one finds out for all the others whether it is back.
    assert sum(one > _REFUSED_SECONDS for one in refused) < len(refused) / 20, refused[-20:]
    # Nobody else gets through to the server; who waited for a connection is told so, once.
    assert traffic.failures.total() - before - len(refused) <= len(traffic.succeeded), traffic.failures


async def _back(traffic: Traffic, contract: Contract, settings: Settings) -> None:
    """Start the server again, and see that every caller has found it soon after a plain client has."""
    starting = asyncio.create_task(asyncio.to_thread(contract.restart, traffic.engine))
    deadline = time.monotonic() + _AWAY_SECONDS
    while not await asyncio.to_thread(_answers, traffic.engine, settings):
        assert time.monotonic() < deadline, f"{traffic.engine} does not come back: {traffic.failures}"
        await asyncio.sleep(0.1)
    back = time.monotonic()
    while not traffic.all_since(back):
        assert time.monotonic() - back < _WITHIN_SECONDS, (traffic.failures, traffic.succeeded, back)
        await asyncio.sleep(0.05)
    await starting


def _answers(engine: str, settings: Settings) -> bool:
    try:
        raw.ask(engine, settings())
    except Exception:  # noqa: BLE001 - whatever it is, the server is not back
        return False
    return True

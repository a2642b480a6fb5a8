"""Closing: what is under way gets its answer, and no connection is left."""

import asyncio
import threading
import time
from collections.abc import Mapping

import pytest

from database import DatabaseManager, SyncDatabaseManager
from tests.contract.database import engines
from tests.contract.database.conftest import PORTS, Settings
from tests.contract.database.wire import Wire, slow

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("prepared")]


@pytest.mark.parametrize("engine", PORTS)
def test_closing_waits_for_what_is_under_way_and_leaves_nothing(
    engine: str, settings: Settings, wires: Mapping[str, Wire]
) -> None:
    async def scenario() -> None:
        manager = DatabaseManager(settings())
        await asyncio.gather(*(engines.ask(manager, engine) for _ in range(3)))
        wires[engine].delay = 0.3
        under_way = [asyncio.create_task(engines.ask(manager, engine)) for _ in range(2)]
        await asyncio.sleep(0.1)
        assert wires[engine].connections > 0
        await manager.close()
        await asyncio.gather(*under_way)

    with slow(wires[engine]):
        asyncio.run(scenario())
    _assert_none_left(wires[engine])


@pytest.mark.parametrize("engine", PORTS)
def test_threads_close_alike(engine: str, settings: Settings, wires: Mapping[str, Wire]) -> None:
    manager = SyncDatabaseManager(settings())
    client = getattr(manager, engine)
    client.run("ask", engines.asking(engine))
    answers: list[object] = []
    under_way = threading.Thread(target=lambda: answers.append(client.run("ask", engines.asking(engine))))
    with slow(wires[engine]):
        wires[engine].delay = 0.3
        under_way.start()
        time.sleep(0.1)
        manager.close()
        under_way.join()
    assert len(answers) == 1
    _assert_none_left(wires[engine])


def _assert_none_left(wire: Wire) -> None:
    deadline = time.monotonic() + 3
    while wire.connections:
        assert time.monotonic() < deadline, f"{wire.connections} connections are left"
        time.sleep(0.02)

"""What a call costs before something has failed: nothing of retries, breakers, logs or spans."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from database import DatabaseManager, DatabaseSettings, SyncDatabaseManager
from database.telemetry import Telemetry
from tests.unit.database.engines import Client, SyncClient

_NOT_BEFORE_A_FAILURE = ("tenacity", "structlog", "opentelemetry", "pyresilience", "database.resilience", "logging")


async def same(handle: int) -> int:
    return handle


def modules_called(function: Callable[[], object]) -> set[str]:
    """Return the modules of every function that is called."""
    found: set[str] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            found.add(str(frame.f_globals.get("__name__")))

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return found


def test_a_call_that_succeeds_goes_straight_to_the_engine() -> None:
    with asyncio.Runner() as runner:
        client = Client(Telemetry.found())
        runner.run(client.run("read", same, repeatable=True))
        called = modules_called(lambda: runner.run(client.run("read", same, repeatable=True)))
    threads = SyncClient()
    threads.run("read", lambda handle: handle)
    called |= modules_called(lambda: threads.run("read", lambda handle: handle, repeatable=True))
    assert {"database.clients.base", "database.sync.base", "database.telemetry_prometheus"} <= called
    assert [one for one in called if one.startswith(_NOT_BEFORE_A_FAILURE)] == []


def test_an_sdk_that_is_set_up_later_gets_spans_within_a_second() -> None:
    program = """
import time
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from database.telemetry_opentelemetry import observer
one = observer()
assert one.started("redis", "get") is None
trace.set_tracer_provider(TracerProvider())
time.sleep(1.05)
one.started("redis", "get")(None)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("engine", ["postgres", "redis", "elasticsearch", "milvus", "duckdb", "minio"])
def test_a_manager_has_one_client_for_an_engine(engine: str) -> None:
    async def scenario() -> None:
        manager = DatabaseManager(DatabaseSettings.of({}))
        client = getattr(manager, engine)
        assert getattr(manager, engine) is client
        # Another event loop may come after.
        await manager.close()
        assert getattr(manager, engine) is not client

    asyncio.run(scenario())
    manager = SyncDatabaseManager(DatabaseSettings.of({}))
    client = getattr(manager, engine)
    assert getattr(manager, engine) is client

"""A writer and its relay, killed between each two steps: nothing is lost, nothing goes back, and another relay does the rest."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from database.model import Memory
from database.outbox.relay import Relay
from tests.contract.backup.memories import unit
from tests.contract.database.killed_relay import STEPS, TENANT
from tests.contract.database.opened import Opened, clients

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


def killed(world: Opened, step: str) -> int:
    command = [sys.executable, "-m", "tests.contract.database.killed_relay", step]
    environment = {**os.environ, **world.variables}
    return subprocess.run(command, env=environment, timeout=120, check=False).returncode


# The others leave what one of these leaves.
_IN_FULL = {f"{step} for {engine}" for step in ("claimed", "settled") for engine in ("elasticsearch", "milvus")}


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=[pytest.mark.full] if step in _IN_FULL else []) for step in STEPS]
)
def test_what_was_committed_arrives_and_nothing_else(world: Opened, step: str) -> None:
    world.empty()
    before = [Memory("user", "before", None, unit(key), vector_id=key) for key in range(6)]
    world.run(world.clients.writer(TENANT).write(*before, wait="indexed"))
    versions = {hit["_id"]: hit["_version"] for hit in _documents(world)}

    assert killed(world, step) == -signal.SIGKILL
    is_committed = step != "written, not committed"
    queries: dict[int, str] = dict(world.stack.postgres.execute("SELECT vector_id, query FROM memory").fetchall())
    assert queries == (dict.fromkeys(range(3, 8), "changed") if is_committed else dict.fromkeys(range(6), "before"))

    world.run(world.clients.drain())
    assert {one.pending for one in world.run(world.clients.lag()).values()} == {0}
    assert world.stack.mismatches() == []
    assert world.stack.reconcile(dry_run=True)["mismatches"] == 0
    after = {hit["_id"]: hit["_version"] for hit in _documents(world)}
    assert all(after[key] >= versions[key] for key in after if key in versions)


def test_relays_of_two_processes_share_the_work(world: Opened) -> None:
    """One of them is killed in the middle of its batch, while the other goes on."""
    world.empty()
    memories = [Memory("user", f"{key}", None, unit(key), vector_id=key) for key in range(200)]
    world.run(world.clients.writer(TENANT).write(*memories))
    other = clients(world.variables)

    async def check() -> None:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.contract.database.killed_relay", "delivered for elasticsearch",
            env={**os.environ, **world.variables},
        )  # fmt: skip
        stop = asyncio.Event()
        relays = [
            asyncio.create_task(Relay(other.postgres.transaction, one, batch=7, idle_seconds=0.01).run(stop))
            for one in other.destinations
        ]
        try:
            assert await program.wait() == -signal.SIGKILL
            async with asyncio.timeout(60):
                while any(one.pending for one in (await other.lag()).values()):
                    await asyncio.sleep(0.05)
        finally:
            stop.set()
            await asyncio.gather(*relays)
            await other.close()

    world.run(check())
    world.run(world.clients.drain())
    assert world.stack.mismatches() == []


def _documents(world: Opened) -> list[dict[str, int]]:
    """Return what Elasticsearch has, with the versions."""
    world.stack.elasticsearch.indices.refresh(index="ai_karen_memory")
    found = world.stack.elasticsearch.search(index="ai_karen_memory", size=100, version=True)
    return list(found["hits"]["hits"])

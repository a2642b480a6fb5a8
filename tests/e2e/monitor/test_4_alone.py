"""Faults that the shared stack must not have: a disk that is full, and a container engine that is killed."""

import subprocess
import sys
import time
from collections.abc import Iterator

import docker
import pytest
import redis

from components.images import reference
from tests.e2e import clients
from tests.e2e.live import PORTS_BESIDE, SERVICES_OFF, LiveStack
from tests.e2e.monitor.watching import METRICS_PORT, Receiver, Watching
from tests.e2e.operate.test_servers import karen

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
_DISK = {"type": "tmpfs", "device": "tmpfs", "o": "size=8m"}


@pytest.fixture(scope="module")
def alone() -> Iterator[Watching]:
    """A stack with PostgreSQL and Redis, whose data lie on a disk of 8 MB."""
    live, engine = LiveStack("test-alone"), docker.from_env()
    live.settings |= {**SERVICES_OFF, **PORTS_BESIDE, "redisAppendOnly": "true", "enableMonitoring": "true"}
    live.settings |= {"monitoringPort": str(METRICS_PORT + 2), "monitoringInterval": "2"}
    live.create()
    disk = holder = None
    try:
        disk = engine.volumes.create(f"ai-karen-{live.name}-redis-data", driver_opts=_DISK)
        # Such a disk is empty again once nobody has it, and what is put there before Redis starts are its users.
        held = {disk.name: {"bind": "/disk", "mode": "ro"}}
        holder = engine.containers.run(
            reference("base", "build"), ["sleep", "infinity"], volumes=held, network_mode="none", init=True, detach=True
        )
        live.up()
        yield Watching(live, engine, Receiver())
    finally:
        if holder is not None:
            holder.remove(force=True)
        live.erase()
        # It has no label of the stack's, which did not make it.
        if disk is not None:
            disk.remove(force=True)
        engine.close()


def fill(client: "redis.Redis") -> None:
    """Write until the server refuses to."""
    for number in range(100):
        client.set(f"full:{number % 4}", "x" * 1024 * 1024)
        time.sleep(0.05)


def test_a_full_disk_is_the_cause_and_no_restart_is_tried(alone: Watching) -> None:
    client = clients.redis_client(alone.stack.variables())
    began = alone.facts("redis")["StartedAt"]
    with pytest.raises(redis.RedisError):
        fill(client)
    alone.until(lambda: "redis has no space left" in (alone.service("redis")["error"] or ""), "it is named", within=30)
    alone.until(
        lambda: {"disk/redis", "down/redis"} <= {one["key"] for one in alone.sample()["alerts"]},
        "it is told",
        within=30,
    )
    assert alone.facts("redis")["StartedAt"] == began
    assert alone.sample()["status"] == "degraded"


@pytest.mark.full
def test_a_killed_engine_of_containers_brings_back_all_but_what_was_stopped(alone: Watching) -> None:
    """It concerns everything else on this engine, hence only with the full counts."""
    karen(alone.stack, "stop", "redis", code=0)
    subprocess.run(["pkill", "-9", "-x", "dockerd"], check=True)
    time.sleep(2)
    subprocess.run([sys.executable, "-m", "bootstrap", "--dev", "--no-images"], check=True)
    alone.until_well("postgres", within=180)
    time.sleep(30)
    assert alone.facts("redis")["Status"] == "exited"
    assert alone.status("redis") == "stopped"

"""An update or its provider killed at any moment: the next one takes it up, and destroy leaves nothing."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator

import docker
import pytest

from bootstrap import places
from init.resources.job import JOB_LABEL
from tests.e2e import clients
from tests.e2e.live import PORTS_BESIDE, SERVICES_OFF, LiveStack
from tests.e2e.processes import descendants, kill

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def live() -> Iterator[LiveStack]:
    """A stack of PostgreSQL, Redis and DuckDB, not yet up."""
    one = LiveStack("test-killed")
    one.settings |= {**SERVICES_OFF, **PORTS_BESIDE}
    one.create()
    try:
        yield one
    finally:
        one.erase()


def appeared(live: LiveStack, moment: str) -> bool:
    """Whether the engine has a network, a server's container, or a job of the stack."""
    found = live.on_engine()
    if moment == "network":
        return bool(found["network"])
    if moment == "container":
        return live.container("postgres") in found["container"]
    return bool(initializations(live))


def initializations(live: LiveStack) -> list[str]:
    """Return the ids of the jobs that initialize an engine now."""
    engine = docker.from_env()
    try:
        labels = [f"com.ai-karen.stack={live.name}", f"{JOB_LABEL}=postgres"]
        return [one["Id"] for one in engine.api.containers(filters={"label": labels})]
    finally:
        engine.close()


def wait_for(live: LiveStack, process: "subprocess.Popen[bytes]", moment: str) -> None:
    deadline = time.monotonic() + 90
    while not appeared(live, moment):
        assert process.poll() is None, f"the update ended before there was a {moment}"
        assert time.monotonic() < deadline, f"no {moment} within 90 s"
        time.sleep(0.02)


def kill_update(process: "subprocess.Popen[bytes]") -> None:
    """Kill the update with everything below it."""
    kill([process.pid, *descendants(process.pid)])
    process.wait()


def bootstrap(live: LiveStack) -> str:
    """Do what `make up` does before its update."""
    command = [sys.executable, "-m", "bootstrap", "--dev", "--no-images", "--stack", live.name]
    done = subprocess.run(command, cwd=places.CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def is_whole(live: LiveStack) -> None:
    """Every migration is applied, and nothing is left to do."""
    assert set(live.outputs()["verification"]) == {"postgres", "redis", "duckdb"}
    with clients.postgres(live.variables()) as connection:
        row = connection.execute("SELECT count(*) FROM migration_history WHERE service = 'postgres'").fetchone()
    assert row == (4,)
    live.pulumi("preview", "--expect-no-changes")


@pytest.mark.parametrize(
    "moment",
    ["container", pytest.param("network", marks=pytest.mark.full), pytest.param("job", marks=pytest.mark.full)],
)
def test_a_killed_update_is_taken_up_by_the_next(live: LiveStack, moment: str) -> None:
    process = live.begin()
    wait_for(live, process, moment)
    kill_update(process)
    assert "the lock of an ended process" in bootstrap(live)
    live.up("--refresh")
    is_whole(live)
    live.pulumi("destroy", "--yes", "--skip-preview")
    assert not any(live.on_engine().values())


def test_a_provider_killed_in_the_middle_of_a_job_fails_the_update_and_leaves_nothing(live: LiveStack) -> None:
    process = live.begin()
    wait_for(live, process, "job")
    left = initializations(live)
    providers = [pid for pid, command in descendants(process.pid).items() if "pulumi-resource-pulumi-python" in command]
    assert providers
    kill([pid for one in providers for pid in (one, *descendants(one))])
    assert process.wait(timeout=60) != 0
    bootstrap(live)
    live.up("--refresh")
    is_whole(live)
    assert not set(left) & set(initializations(live))
    live.pulumi("destroy", "--yes", "--skip-preview")
    assert not any(live.on_engine().values())


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_an_update_killed_at_any_moment_is_taken_up_by_the_next(live: LiveStack) -> None:
    chance = random.Random(2026)  # noqa: S311 - moments, not secrets
    for _ in range(20):
        process = live.begin()
        time.sleep(chance.uniform(2.0, 18.0))
        kill_update(process)
        bootstrap(live)
        live.up("--refresh")
        is_whole(live)
        live.pulumi("destroy", "--yes", "--skip-preview")
        assert not any(live.on_engine().values())

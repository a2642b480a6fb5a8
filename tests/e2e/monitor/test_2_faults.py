"""What happens to servers: each fault is seen, named, and mended or told, within a minute."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.e2e import clients, writers
from tests.e2e.live import LiveStack, healthy
from tests.e2e.monitor.watching import Watching
from tests.e2e.operate.test_servers import karen

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
# From the fault to the restart; then a server may take its time until it answers again.
_RESTARTED_SECONDS = 60
_RECOVERED_SECONDS = 75


def cause(watching: Watching, service: str, text: str) -> Callable[[], bool]:
    return lambda: text in (watching.service(service)["error"] or "")


def restarting(watching: Watching, service: str) -> Callable[[], object]:
    """Return what waits until a restart has begun, at most a minute from now on: now is when the fault begins."""
    began, before = time.monotonic(), watching.service(service)["recoveries"]

    def wait() -> float:
        left = _RESTARTED_SECONDS - (time.monotonic() - began)
        return watching.until(
            lambda: watching.service(service)["recoveries"] > before, f"a restart of {service} has begun", within=left
        )

    return wait


def test_one_that_was_killed_is_started(watching: Watching) -> None:
    # Unlike a process that dies, a container that somebody kills is not the container engine's business any more.
    restarted = restarting(watching, "redis")
    watching.container("redis").kill()
    watching.until(cause(watching, "redis", "redis is exited (exit code 137"), "the cause is named", within=15)
    restarted()
    watching.until_well("redis", within=_RECOVERED_SECONDS)


def test_a_hang_is_ended_and_the_rest_keeps_serving(watching: Watching) -> None:
    restarted = restarting(watching, "elasticsearch")
    watching.container("elasticsearch").pause()
    watching.until(cause(watching, "elasticsearch", "elasticsearch is paused"), "the cause is named", within=20)
    assert watching.sample()["status"] == "degraded"
    with clients.postgres(watching.stack.variables()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    restarted()
    watching.until_well("elasticsearch", within=_RECOVERED_SECONDS)


def test_without_etcd_milvus_has_one_cause_and_both_come_back(watching: Watching) -> None:
    # Nobody brings it back meanwhile: Milvus does without it for a while.
    with watching.leased("etcd"):
        watching.container("etcd").kill()
        watching.until(cause(watching, "etcd", "etcd is exited"), "the cause is named", within=15)
        watching.until(cause(watching, "milvus", "milvus fails because of etcd"), "the cascade is one", within=120)
        assert watching.service("milvus")["recoveries"] == 0
    watching.until_well("etcd", within=_RECOVERED_SECONDS)
    watching.until_well("milvus", within=180)


def test_one_that_is_cut_off_is_told_with_the_fix(watching: Watching) -> None:
    network = watching.engine.networks.get(f"ai-karen-db-{watching.stack.name}")
    container = watching.container("minio")
    network.disconnect(container)
    try:
        watching.until(lambda: watching.receiver.states("down/minio"), "it is told", within=30)
        assert "minio is cut off from one of the stack's networks" in watching.receiver.summary("down/minio")
        assert watching.service("minio")["recoveries"] == 0
    finally:
        network.connect(container, aliases=["minio"])
    watching.until_well("minio")


@contextmanager
def another_password(stack: LiveStack, service: str) -> Iterator[None]:
    """Give the user whom the monitor logs in as a password that is not the configured one, for a while."""
    credentials = {one["user"]: one["password"] for one in stack.outputs()["operations"]["credentials"][service]}
    configured = credentials["monitor" if service == "redis" else "elastic"]
    if service == "redis":
        client = clients.redis_client(stack.variables())

        def change(password: str) -> None:
            client.acl_setuser("monitor", enabled=True, reset_passwords=True, passwords=[f"+{password}"])
            client.client_kill_filter(user="monitor")
    else:
        users = [clients.elasticsearch(stack.administrators())]

        def change(password: str) -> None:
            users[-1].security.change_password(password=password)
            users.append(users[-1].options(basic_auth=("elastic", password)))

    change("another-one")
    try:
        yield
    finally:
        change(configured)


@pytest.mark.parametrize(
    ("service", "told"),
    [("redis", "invalid username-password pair"), ("elasticsearch", "the password of elastic was refused")],
)
def test_a_wrong_password_is_told_and_nothing_is_restarted(watching: Watching, service: str, told: str) -> None:
    began = watching.facts(service)["StartedAt"]
    with another_password(watching.stack, service):
        watching.until(lambda: watching.receiver.states(f"down/{service}")[-1:] == ["firing"], "it is told", within=45)
        watching.until(cause(watching, service, told), "it is named", within=30)
        assert watching.status(service) == "failed"
    watching.until_well(service)
    assert watching.facts(service)["StartedAt"] == began


def begun(stack: str, command: str, service: str) -> str:
    """Have a process take the lease of a service and die; return the lease's name."""
    code = (
        "import os, sys; from ops.maintenance import *\n"
        "with OperationsVolume.of(sys.argv[1]) as volume:\n"
        "    lease = Maintenance(volume, *sys.argv[2:3], sys.argv[3:]); lease.begin(); print(lease.id, flush=True); os._exit(9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, stack, command, service], capture_output=True, text=True, check=False
    )
    assert done.returncode == 9, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("seconds", [40, pytest.param(180, marks=pytest.mark.full)])
def test_what_somebody_works_on_or_has_stopped_is_left_alone(watching: Watching, seconds: int) -> None:
    karen(watching.stack, "stop", "redis", code=0)
    lost = begun(watching.stack.name, "a test that dies", "elasticsearch")
    try:
        with watching.leased("minio"):
            watching.container("minio").kill()
            refused = karen(watching.stack, "restart", "minio", code=1).stderr
            assert "Maintenance is going on: a test by " in refused
            assert "Fix: wait for it to end; what was killed is over in 30 s" in refused
            time.sleep(seconds)
            assert watching.facts("minio")["Status"] == watching.facts("redis")["Status"] == "exited"
            assert (watching.status("minio"), watching.status("redis")) == ("maintenance", "stopped")
            assert watching.receiver.states(f"lease/{lost}") == ["event"]
            assert "a test that dies" in watching.receiver.summary(f"lease/{lost}")
        watching.until_well("minio", within=_RECOVERED_SECONDS)
        assert watching.facts("redis")["Status"] == "exited"
    finally:
        karen(watching.stack, "start", "redis", code=0)
    watching.until_well("redis")


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.full)])
def test_no_acknowledged_write_is_lost(watching: Watching, kills: int) -> None:
    env = watching.stack.variables()
    postgres, redis = writers.postgres(env, f"kills{kills}"), writers.redis(env, f"kills{kills}")
    redis_killed: list[float] = []
    with writers.writing([postgres, redis], seconds=1):
        for _ in range(kills):
            for service in ("postgres", "redis"):
                before = watching.facts(service)["StartedAt"]
                redis_killed += [time.monotonic()] * (service == "redis")
                watching.kill(service)
                watching.until(lambda: watching.facts(service)["StartedAt"] != before, "it starts", within=60)  # noqa: B023
                healthy(watching.stack.container(service))
            # For a server that has not run for ten seconds, the container engine doubles the pause before the next start.
            time.sleep(11 if kills > 5 else 1)
    assert len(postgres.acknowledged) > 10 * kills
    assert len(redis.acknowledged) > 10 * kills
    assert postgres.lost() == set()
    # Redis writes to its disk every second, and may need another one for that.
    lost = [redis.acknowledged[number] for number in redis.lost()]
    assert all(any(0 <= kill - moment <= 2 for kill in redis_killed) for moment in lost)

"""The health gate sees success and failure as they happen, on real containers."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest

from components.images import reference
from init.resources.gate import UnhealthyError, wait_until_healthy

pytestmark = pytest.mark.contract
SECOND = 1_000_000_000


@pytest.fixture
def start() -> Iterator[Callable[..., str]]:
    """Start a container of the toolbox image that runs a shell line, with a health check that runs another."""
    engine = docker.from_env()
    started: list[str] = []

    def run(line: str, check: str = "exit 1", retries: int = 1000, restart: str = "no", **options: Any) -> str:
        name = f"gate-{uuid.uuid4().hex[:8]}"
        started.append(name)
        run_container: Any = engine.containers.run
        run_container(
            reference("toolbox", "build"),
            entrypoint=["sh", "-c", line],
            name=name,
            detach=True,
            healthcheck={
                "test": ["CMD-SHELL", check],
                "interval": SECOND // 5,
                "timeout": SECOND,
                "retries": retries,
                "start_period": 0,
            },
            restart_policy={"Name": restart},
            **options,
        )
        return name

    yield run
    for name in started:
        engine.containers.get(name).remove(force=True)
    engine.close()


def test_a_healthy_container_opens_the_gate(start: Callable[..., str]) -> None:
    wait_until_healthy(start("sleep 60", check="exit 0"), deadline_seconds=20)


def test_the_gate_opens_when_health_comes_later(start: Callable[..., str]) -> None:
    name = start("sleep 2; touch /tmp/ready; sleep 60", check="test -f /tmp/ready")
    wait_until_healthy(name, deadline_seconds=20)


def test_an_exit_is_a_failure_with_code_and_last_lines(start: Callable[..., str]) -> None:
    name = start("sleep 1; echo cannot open the door; exit 3")
    with pytest.raises(UnhealthyError, match=r"(?s)ended with code 3.*cannot open the door"):
        wait_until_healthy(name, deadline_seconds=20)


def test_a_restart_policy_does_not_hide_an_exit(start: Callable[..., str]) -> None:
    name = start("sleep 0.5; exit 1", restart="unless-stopped")
    with pytest.raises(UnhealthyError, match="ended with code 1"):
        wait_until_healthy(name, deadline_seconds=20)


def test_a_failure_before_the_gate_is_seen_too(start: Callable[..., str]) -> None:
    name = start("echo gone already; exit 4")
    time.sleep(1)
    with pytest.raises(UnhealthyError, match=r"(?s)ended with code 4.*gone already"):
        wait_until_healthy(name, deadline_seconds=20)


def test_unhealthy_is_a_failure_with_the_check_s_output(start: Callable[..., str]) -> None:
    name = start("sleep 60", check="echo the check says no; exit 1", retries=2)
    with pytest.raises(UnhealthyError, match=r"(?s)is unhealthy.*the check says no"):
        wait_until_healthy(name, deadline_seconds=20)


def test_too_little_memory_names_the_setting(start: Callable[..., str]) -> None:
    name = start("sleep 1; python3 -c \"x = b'x' * 10**9\"", mem_limit="32m", memswap_limit="32m")
    with pytest.raises(UnhealthyError, match="Memory"):
        wait_until_healthy(name, deadline_seconds=20)


def test_the_deadline_ends_the_wait(start: Callable[..., str]) -> None:
    name = start("sleep 60")
    began = time.monotonic()
    with pytest.raises(UnhealthyError, match="was not healthy after 2 s"):
        wait_until_healthy(name, deadline_seconds=2)
    assert time.monotonic() - began < 10


def test_a_container_that_is_not_there_says_what_to_do() -> None:
    with pytest.raises(UnhealthyError, match="does not exist"):
        wait_until_healthy("gate-of-nobody", deadline_seconds=2)

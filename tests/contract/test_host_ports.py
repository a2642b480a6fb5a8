"""Which ports of this host are a stack's own, and which somebody else's."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from components.images import reference
from components.naming import STACK_LABEL
from components.preflight import port_problems
from components.settings import Settings
from tests.contract.containers import SOURCE

pytestmark = pytest.mark.contract
_STACK, _PORT = "test-host-ports", 29379
_SETTINGS = Settings.parse({"redisPort": str(_PORT)})


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    engine = docker.from_env()
    yield engine
    for left in engine.containers.list(all=True, filters={"label": f"{STACK_LABEL}={_STACK}"}):
        left.remove(force=True)
    engine.close()


def published(engine: docker.DockerClient, command: str) -> Container:
    policy: Any = {"Name": "unless-stopped"}
    return engine.containers.run(
        reference("base", SOURCE),
        ["sh", "-c", command],
        labels={STACK_LABEL: _STACK},
        ports={"6379/tcp": ("127.0.0.1", _PORT)},
        restart_policy=policy,
        detach=True,
    )


def problems(engine: docker.DockerClient) -> list[str]:
    return [problem for problem in port_problems(engine, _STACK, _SETTINGS) if "redisPort" in problem]


def test_a_container_that_ends_again_and_again_keeps_its_port(engine: docker.DockerClient) -> None:
    container = published(engine, "exit 1")
    deadline = time.monotonic() + 30
    # From the fifth start on, the engine waits for more than a second.
    while container.attrs["RestartCount"] < 5 or container.status != "restarting":
        assert time.monotonic() < deadline, container.attrs["State"]
        time.sleep(0.01)
        container.reload()
    # As the engine's own proxy has it a moment longer than the container's state says.
    with socket.create_server(("127.0.0.1", _PORT)):
        assert problems(engine) == []


def test_somebody_elses_is_told_whatever_the_stack_had(engine: docker.DockerClient) -> None:
    container = published(engine, "sleep infinity")
    assert problems(engine) == []
    container.stop(timeout=0)
    assert problems(engine) == []
    with socket.create_server(("127.0.0.1", _PORT)):
        [problem] = problems(engine)
        assert f"redisPort is {_PORT}: another process of this host uses that port" in problem

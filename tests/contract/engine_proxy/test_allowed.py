"""What is promised works, through the docker SDK as a monitor uses it."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import docker
import pytest
from tenacity import Retrying, stop_after_attempt, wait_fixed

from tests.contract.engine_proxy.refused import C, request
from tests.contract.engine_proxy.restricted import CRASHED, SERVER, SLEEP, STUBBORN, Restricted, start_target

pytestmark = pytest.mark.contract


def state(client: docker.DockerClient, name: str = SERVER) -> dict[str, Any]:
    found: dict[str, Any] = client.api.inspect_container(name)["State"]
    return found


def test_the_engine_greets_and_tells_its_version(restricted: Restricted, client: docker.DockerClient) -> None:
    assert client.ping()
    asked = docker.DockerClient(base_url=f"unix://{restricted.path}", version="auto")
    assert asked.api.api_version == client.version()["ApiVersion"]
    asked.close()
    # Passed on, though not every engine has an answer to it.
    assert restricted.status(request("HEAD /version")) != 403


def test_a_server_is_looked_at_and_measured(restricted: Restricted, client: docker.DockerClient) -> None:
    assert client.api.inspect_container(SERVER) == restricted.contract.client.api.inspect_container(SERVER)
    assert client.api.stats(SERVER, stream=False, one_shot=True)["memory_stats"]["usage"] > 0
    assert next(client.api.stats(SERVER, stream=True, decode=True))["name"] == f"/{SERVER}"
    for version in ("", "/v1.24", "/v1.41"):
        assert restricted.status(request(f"GET {version}{C}/json", version="HTTP/1.0")) == 200


def test_a_server_is_stopped_started_and_restarted(restricted: Restricted, client: docker.DockerClient) -> None:
    client.api.stop(SERVER, timeout=1)
    assert state(client)["Status"] == "exited"
    client.api.start(SERVER)
    first = state(client)
    client.api.restart(SERVER, timeout=1)
    assert state(client)["Running"]
    assert state(client)["StartedAt"] != first["StartedAt"]
    told = [line for line in restricted.log() if SERVER in line]
    assert len(told) == 3
    assert told[-1] == f'204 -- engine "POST /v1.41{C}/restart?t=1 HTTP/1.1"'


def test_a_paused_server_is_restarted(restricted: Restricted, client: docker.DockerClient) -> None:
    # On a busy machine, the engine now and then fails to freeze a container.
    for attempt in Retrying(stop=stop_after_attempt(10), wait=wait_fixed(0.5), reraise=True):
        with attempt:
            restricted.contract.client.containers.get(SERVER).pause()
    client.api.restart(SERVER, timeout=1)
    assert (state(client)["Status"], state(client)["Paused"]) == ("running", False)


def test_a_server_that_ended_is_started(restricted: Restricted, client: docker.DockerClient) -> None:
    crashed = start_target(restricted.contract, CRASHED, ["false"])
    crashed.wait()
    before = state(client, CRASHED)
    client.api.start(CRASHED)
    crashed.wait()
    after = state(client, CRASHED)
    assert (before["ExitCode"], after["ExitCode"]) == (1, 1)
    assert after["StartedAt"] != before["StartedAt"]


def drip(restricted: Restricted) -> bytes:
    """Send a byte each second until an answer comes, and return it."""
    with restricted.connect() as connection:
        connection.settimeout(1)
        while True:
            connection.sendall(b"x")
            with suppress(TimeoutError):
                return connection.recv(4096)


def test_a_slow_stop_is_waited_for_and_a_slow_request_is_not(restricted: Restricted) -> None:
    # A container's first process gets no signal that it does not ask for: the engine kills it in the end.
    start_target(restricted.contract, STUBBORN, SLEEP)
    begin = time.monotonic()
    with ThreadPoolExecutor() as pool:
        stopped = pool.submit(restricted.status, request(f"POST /containers/{STUBBORN}/stop?t=7"))
        assert pool.submit(drip, restricted).result().startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - begin < 6.9
        assert stopped.result() == 204
    assert time.monotonic() - begin > 7

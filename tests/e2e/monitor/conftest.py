"""The shared stack, with a monitor for as long as these tests run."""

from collections.abc import Iterator

import docker
import pytest

from components.naming import Naming
from tests.e2e.live import LiveStack
from tests.e2e.monitor.watching import METRICS_PORT, RECEIVER_PORT, Receiver, Watching

INTERVAL = 2
ON = ("enableMonitoring", "monitoringPort", "monitoringInterval", "alertWebhook")


@pytest.fixture(scope="package")
def watching(stack: LiveStack) -> Iterator[Watching]:
    engine, receiver = docker.from_env(), Receiver()
    network = engine.api.inspect_network(Naming(stack=stack.name).network)
    host = network["IPAM"]["Config"][0]["Gateway"]
    values = ("true", str(METRICS_PORT), str(INTERVAL), f"http://{host}:{RECEIVER_PORT}/alerts")
    try:
        with receiver.listening():
            stack.configure(**dict(zip(ON, values, strict=True)))
            stack.up()
            yield Watching(stack, engine, receiver)
    finally:
        stack.configure(**dict.fromkeys(ON))
        stack.up("--refresh")
        engine.close()


@pytest.fixture(autouse=True)
def _everything_is_well(watching: Watching) -> None:
    """Begin with a stack that is healthy, whatever the last test did to it."""
    watching.until(lambda: watching.sample()["status"] == "healthy", "the stack is healthy", within=120)

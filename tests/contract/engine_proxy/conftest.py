"""One proxy for all tests of its rules, and a client of it; its servers are a container each that sleeps."""

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from components.engine_proxy import SOCKET
from tests.contract.containers import Contract
from tests.contract.engine_proxy.restricted import (
    FOREIGN,
    SERVER,
    SLEEP,
    UNLISTED,
    Restricted,
    await_answer,
    start_proxy,
    start_target,
)


@pytest.fixture(scope="package")
def contract() -> Iterator[Contract]:
    with Contract.session("restricted") as contract:
        for name in (SERVER, UNLISTED, FOREIGN):
            start_target(contract, name, SLEEP, stop_signal="SIGKILL")
        yield contract


@pytest.fixture(scope="package")
def restricted(contract: Contract, tmp_path_factory: pytest.TempPathFactory) -> Restricted:
    directory = tmp_path_factory.mktemp("engine")
    # On a machine where root in the container is not the owner of this directory.
    directory.chmod(0o777)
    proxy = start_proxy(contract, str(directory))
    await_answer(proxy)
    return Restricted(contract, proxy, str(directory / Path(SOCKET).name))


@pytest.fixture
def client(restricted: Restricted) -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=f"unix://{restricted.path}", version="1.41", timeout=30)
    yield client
    client.close()

"""The limit of processes on a real engine: set on a running container, kept over its restart, seen where it was changed."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import docker
import pytest
from docker.errors import NotFound
from docker.models.containers import Container

from components.images import reference
from init.resources.process_limit import ProcessLimitProvider
from tests.contract.containers import SOURCE

pytestmark = pytest.mark.contract
_MANY = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 60 & done; wait"


@pytest.fixture
def container() -> Iterator[Container]:
    engine = docker.from_env()
    one = engine.containers.run(
        reference("base", SOURCE), ["sleep", "infinity"], network_mode="none", init=True, detach=True
    )
    yield one
    with suppress(NotFound):
        one.remove(force=True)
    engine.close()


def props(container: Container, limit: int) -> dict[str, Any]:
    return {"stack": "test", "service": "one", "container": container.id, "limit": limit}


def test_it_is_the_kernel_s_also_after_a_restart(container: Container) -> None:
    ProcessLimitProvider().apply(props(container, 8))
    for _ in range(2):
        refused = container.exec_run(["sh", "-c", _MANY])
        assert b"Cannot fork" in refused.output
        container.restart(timeout=0)
        container.reload()
        assert container.attrs["HostConfig"]["PidsLimit"] == 8


def test_a_changed_one_is_seen_and_set_again(container: Container) -> None:
    provider, asked = ProcessLimitProvider(), props(container, 8)
    provider.apply(asked)
    ProcessLimitProvider().apply(props(container, 500))
    seen = provider.read("id", asked).outs
    assert seen is not None
    assert seen["limit"] == 500
    assert provider.diff("id", seen, asked).changes
    provider.apply(asked)
    assert provider.read("id", asked).outs == asked


def test_of_a_container_that_is_gone_nothing_is_left(container: Container) -> None:
    container.remove(force=True)
    found = ProcessLimitProvider().read("id", props(container, 8)).outs
    assert found is not None
    assert found["limit"] == 0

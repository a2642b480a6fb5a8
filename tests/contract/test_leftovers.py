"""Labelled resources whose state is lost: named, kept without consent, removed with it."""

from collections.abc import Iterator

import docker
import pytest

from bootstrap import leftovers
from bootstrap.console import StepError
from components.images import reference
from components.naming import STACK_LABEL

pytestmark = pytest.mark.contract
STACK = "test-lost"


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    """An engine with a container, a network and a volume of a stack of which there is no state."""
    client = docker.from_env()
    labels = {STACK_LABEL: STACK}
    try:
        client.volumes.create(f"ai-karen-{STACK}-data", labels=labels)
        client.networks.create(f"ai-karen-{STACK}", labels=labels, check_duplicate=True)
        client.containers.create(reference("toolbox", "build"), name=f"ai-karen-{STACK}-one", labels=labels)
        yield client
    finally:
        leftovers.remove(client, leftovers.find(client, STACK))
        client.close()


def test_they_are_named_and_kept_without_consent(
    engine: docker.DockerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StepError, match="make remove-leftovers STACK=test-lost"):
        leftovers.check(STACK, consent=False)
    printed = capsys.readouterr().out
    for name in (f"container ai-karen-{STACK}-one", f"network ai-karen-{STACK}", f"volume ai-karen-{STACK}-data"):
        assert name in printed
    assert all(leftovers.find(engine, STACK).values())


def test_they_are_removed_with_consent(engine: docker.DockerClient) -> None:
    leftovers.check(STACK, consent=True)
    assert not any(leftovers.find(engine, STACK).values())

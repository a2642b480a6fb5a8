"""An engine's server taken from where applications reach it to a network where only jobs do, and put back. Safe to repeat."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import docker
from docker.errors import NotFound

from components.network import NO_GATEWAY
from components.volume_versions import labels
from ops.backups import standing
from ops.backups.reporting import Reporter
from ops.cli.recorded import resources
from ops.cli.upgrade.upgrade import Upgrade
from policy.graph import CONTAINER


@contextmanager
def engine() -> Iterator[docker.DockerClient]:
    """Provide a session on the engine of containers."""
    client = docker.from_env(timeout=120)
    try:
        yield client
    finally:
        client.close()


def isolate(client: docker.DockerClient, one: Upgrade, reporter: Reporter) -> None:
    """Have the server run where nobody but jobs of the upgrade reaches it."""
    if not is_begun(client, one):
        client.networks.create(
            one.naming.upgrade,
            driver="bridge",
            internal=True,
            options=NO_GATEWAY,
            labels=one.naming.labels("network"),
        )
    attached = _attached(client, one.container)
    if set(attached) != {one.naming.upgrade}:
        standing.stop(one.service, [one.container], reporter)
        _join(client, one.container, {one.naming.upgrade: [one.service]})
    standing.start(one.service, [one.container], reporter)


def put_back(client: docker.DockerClient, one: Upgrade, reporter: Reporter) -> None:
    """Have the server run where Pulumi has put it; one that is not there any more is left to Pulumi."""
    with suppress(NotFound):
        # Also where it is: a stop that was asked for is carried out by the engine, whoever has been killed.
        standing.stop(one.service, [one.container], reporter)
        if wanted := _recorded(one.stack, one.service):
            _join(client, one.container, wanted)
        standing.start(one.service, [one.container], reporter)


def is_begun(client: docker.DockerClient, one: Upgrade) -> bool:
    """Whether there is the network of an upgrade, which is made first, and removed last."""
    return bool(client.networks.list(names=[f"^{one.naming.upgrade}$"]))


def is_there(client: docker.DockerClient, volume: str) -> bool:
    """Whether there is a volume of this name."""
    try:
        client.api.inspect_volume(volume)
    except NotFound:
        return False
    return True


def make_volume(client: docker.DockerClient, one: Upgrade) -> None:
    """Make the new volume, as Pulumi would, which takes it over in the end."""
    client.volumes.create(one.next_volume, driver="local", labels=labels(one.naming, one.service, one.source))


def remove_next(client: docker.DockerClient, one: Upgrade) -> None:
    """Remove the new server and the new volume, as far as they are there."""
    with suppress(NotFound):
        client.api.remove_container(one.next_container, force=True, v=True)
    with suppress(NotFound):
        client.api.remove_volume(one.next_volume)


def remove_network(client: docker.DockerClient, one: Upgrade) -> None:
    """Remove the network of the upgrade."""
    with suppress(NotFound):
        client.api.remove_network(one.naming.upgrade)


def _attached(client: docker.DockerClient, container: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = client.api.inspect_container(container)["NetworkSettings"]["Networks"]
    return found


def _join(client: docker.DockerClient, container: str, wanted: Mapping[str, Sequence[str]]) -> None:
    """Put a stopped container on exactly these networks, with the names by which it is found there."""
    attached = _attached(client, container)
    for network in set(attached) - set(wanted):
        client.api.disconnect_container_from_network(container, network, force=True)
    for network in set(wanted) - set(attached):
        client.api.connect_container_to_network(container, network, aliases=list(wanted[network]))


def _recorded(stack: str, service: str) -> dict[str, list[str]]:
    """Return the networks of a server as Pulumi has recorded them, with its names there."""
    for one in resources(stack):
        if one["type"] == CONTAINER and str(one["urn"]).endswith(f"::{service}-container"):
            joined = (one.get("inputs") or {}).get("networksAdvanced") or ()
            return {str(network["name"]): list(network.get("aliases") or ()) for network in joined}
    return {}

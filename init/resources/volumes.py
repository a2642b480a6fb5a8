"""Telling a volume from another of the same name: removed by hand and made again, it is empty."""

from collections.abc import Iterable

import docker
from docker.errors import NotFound

PRESENT = "present"


def identities(written: str, others: Iterable[str]) -> dict[str, str]:
    """Return what is known of each volume, empty for one that is not there; raises if the engine is not reachable.

    The engine's `CreatedAt` is when a volume's directory last changed, so it identifies only the volume that jobs alone
    write to; of the others, to which servers write, it is known whether they are there.
    """
    client = docker.from_env()
    try:
        found = {name: PRESENT if _changed_at(client, name) else "" for name in others}
        return {**found, written: _changed_at(client, written)}
    finally:
        client.close()


def _changed_at(client: docker.DockerClient, name: str) -> str:
    try:
        return str(client.api.inspect_volume(name).get("CreatedAt") or PRESENT)
    except NotFound:
        return ""

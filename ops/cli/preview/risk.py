"""What a change puts at risk: it may lose data, it stops a server, or it does neither. Pure; in doubt it loses."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ops.cli.preview.changes import Change
from policy.graph import BYTES, CONTAINER, NETWORK, PASSWORD, VOLUME, Resource
from policy.mounts import mounts

_HOST_DIRECTORY = "pulumi-python:dynamic/karen:HostDirectory"
# What opens data: without it, or with another, they are lost as well.
_KEYS = (PASSWORD, BYTES)
# Volumes of which everything is made again.
_NO_DATA = re.compile(r"-secrets$|^engine-socket$")


class Risk(StrEnum):
    """The groups of a preview, the worst first."""

    DATA = "data at risk"
    RESTART = "restart"
    SAFE = "safe"


@dataclass(frozen=True, kw_only=True)
class Danger:
    """What one change does to data or to a server, as a sentence without its end."""

    risk: Risk
    sentence: str


def dangers(change: Change) -> list[Danger]:
    """Return what is not safe about a change, the worst first."""
    data = [Danger(risk=Risk.DATA, sentence=text) for text in _losses(change)]
    return data + [Danger(risk=Risk.RESTART, sentence=text) for text in _stops(change)]


def _losses(change: Change) -> Iterator[str]:
    one, name = change.resource, f"`{change.resource.name}`"
    if one.type == VOLUME and change.goes and not _NO_DATA.search(one.name):
        yield f"the volume {name} {_gone(change)}: what it holds is lost, or out of reach"
    elif one.type in _KEYS and change.goes:
        told = "is removed" if change.operation == "delete" else "is generated anew"
        yield f"{name} {told}: what the old one opens cannot be opened any more"
    elif one.type == _HOST_DIRECTORY and change.goes:
        yield f"the directory {name} is removed with everything in it"
    elif one.type == _HOST_DIRECTORY and "path" in change.differing:
        yield f"{name} is another directory: what is in the old one stays there, unused"
    elif one.type == CONTAINER and change.operation in ("update", "replace") and change.old and change.new:
        yield from _other_volumes(name, change.old, change.new)
    if change.old is not None and change.new is not None and change.old.protected and not change.new.protected:
        yield f"{name} is not protected any more"


def _other_volumes(name: str, old: Resource, new: Resource) -> Iterator[str]:
    """Tell where a server that had data would find others, or none."""
    before, after = _writable(old), _writable(new)
    for path, volume in sorted(before.items()):
        instead = after.get(path)
        if instead is None:
            yield f"{name} does not mount `{volume}` at `{path}` any more"
        elif instead != volume:
            yield f"{name} mounts `{instead}` at `{path}` instead of `{volume}`"


def _writable(container: Resource) -> dict[str, str]:
    return {one.target: one.source for one in mounts(container) if not one.read_only}


def _stops(change: Change) -> Iterator[str]:
    one, name = change.resource, f"`{change.resource.name}`"
    if one.type == CONTAINER and change.operation == "delete":
        yield f"`{one.service}` stops: its container is removed"
    elif one.type == CONTAINER and change.operation == "replace":
        yield f"`{one.service}` stops and starts again: its container is made anew"
    elif one.type == NETWORK and change.goes:
        yield f"the network {name} {_gone(change)}: servers on it are cut off"
    elif one.type == VOLUME and change.goes and _NO_DATA.search(one.name):
        yield f"the volume {name} {_gone(change)}: who reads it does so only when it starts"


def _gone(change: Change) -> str:
    return "is removed" if change.operation == "delete" else "is made anew"

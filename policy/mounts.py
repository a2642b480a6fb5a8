"""What a container mounts, said in either of the two ways, and which paths of the host that are. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from policy.graph import CONTAINER, Resource, items

# Options of a volume that name a path, as an overlay's `lowerdir=/etc`.
_PATH = re.compile(r"=(/[^,:]*)")


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A volume by its name, or a path of the host, at a path of a container; what is not known yet is UNKNOWN."""

    source: str
    target: str
    read_only: Any
    of_host: bool


def mounts(container: Resource) -> Iterator[Mount]:
    """Yield the mounts of `volumes` and `mounts`; an anonymous volume has no source. What is in memory is left out."""
    inputs = dict(container.inputs)
    for one in items(inputs.get("volumes")):
        source = str(one.get("hostPath") or one.get("volumeName") or "")
        target, of_host = str(one.get("containerPath")), bool(one.get("hostPath"))
        yield Mount(source=source, target=target, read_only=one.get("readOnly"), of_host=of_host)
    for one in items(inputs.get("mounts")):
        if one.get("type") != "tmpfs":
            source, target, of_host = str(one.get("source") or ""), str(one.get("target")), one.get("type") == "bind"
            yield Mount(source=source, target=target, read_only=one.get("readOnly"), of_host=of_host)


def host_paths(resource: Resource) -> Iterator[tuple[str, str]]:
    """Yield the paths of the host that a container mounts, with where; or that a declared volume is, with nothing."""
    if resource.type == CONTAINER:
        yield from ((one.source, one.target) for one in mounts(resource) if one.of_host)
        return
    options = resource.inputs.get("driverOpts") or {}
    device, kind, others = (str(options.get(name) or "") for name in ("device", "type", "o"))
    if device.startswith("/") or (device and (kind == "none" or {"bind", "rbind"} & set(others.split(",")))):
        yield device, ""
    yield from ((path, "") for path in _PATH.findall(others))

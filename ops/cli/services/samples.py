"""What a server uses now: processor and memory from the container engine, and its volumes' sizes where they can be read."""

import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.cli.services.containers import Server, Servers

if TYPE_CHECKING:
    import docker

# Two samples so far apart give the use of processors between them.
_BETWEEN_SECONDS = 0.25
# A volume with more files than can be looked at in this time has no size here.
_VOLUME_SECONDS = 0.3
_BLOCK_BYTES = 512


@dataclass(frozen=True)
class Sample:
    """One server: processors in cores, memory and its limit in bytes; `volume` None where it could not be told."""

    cores: float = 0.0
    memory: int = 0
    limit: int = 0
    volume: int | None = None


def samples(stack: Servers) -> dict[str, Sample]:
    """Return what every server uses; one that does not run uses its volumes alone."""
    running = [server for server in stack.found.values() if server.running]
    with ThreadPoolExecutor(max_workers=2 * len(stack.found)) as pool:
        first = dict(zip(_names(running), pool.map(lambda one: _stats(stack.client, one), running), strict=True))
        sizes = {name: pool.submit(_volumes, server) for name, server in stack.found.items()}
        time.sleep(_BETWEEN_SECONDS)
        second = dict(zip(_names(running), pool.map(lambda one: _stats(stack.client, one), running), strict=True))
    return {name: _sample(first.get(name), second.get(name), sizes[name].result()) for name in stack.found}


def _names(servers: Iterable[Server]) -> list[str]:
    return [server.service for server in servers]


def _stats(client: "docker.DockerClient", server: Server) -> dict[str, Any]:
    found: dict[str, Any] = client.api.stats(server.name, stream=False, one_shot=True)
    return found


def _sample(first: dict[str, Any] | None, second: dict[str, Any] | None, volume: int | None) -> Sample:
    if not first or not second or "usage" not in second.get("memory_stats", {}):
        return Sample(volume=volume)
    used = second["cpu_stats"]["cpu_usage"]["total_usage"] - first["cpu_stats"]["cpu_usage"]["total_usage"]
    passed = second["cpu_stats"]["system_cpu_usage"] - first["cpu_stats"]["system_cpu_usage"]
    cores = used / passed * second["cpu_stats"]["online_cpus"] if passed > 0 else 0.0
    memory = second["memory_stats"]
    # As `docker stats` has it: what the kernel gives back at once is not counted.
    cache = memory["stats"].get("inactive_file", memory["stats"].get("total_inactive_file", 0))
    return Sample(cores, memory["usage"] - cache, memory["limit"], volume)


def _volumes(server: Server) -> int | None:
    """Return the bytes that a server's data volumes hold on the disk; None if that cannot be read in time."""
    stop_at = time.monotonic() + _VOLUME_SECONDS
    total = 0
    for mount in server.facts["Mounts"]:
        if mount["Type"] != "volume" or not mount["RW"]:
            continue
        for blocks in _blocks(mount["Source"]):
            total += blocks * _BLOCK_BYTES
            if time.monotonic() > stop_at:
                return None
        if not os.access(mount["Source"], os.R_OK):
            return None
    return total


def _blocks(directory: str) -> Iterator[int]:
    """Yield how many blocks each file below a directory takes; one that is gone meanwhile takes none."""
    for parent, _, files in os.walk(directory):
        for file in files:
            try:
                yield os.lstat(os.path.join(parent, file)).st_blocks
            except OSError:
                continue

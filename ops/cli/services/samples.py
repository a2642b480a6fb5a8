"""What a server uses now: processor and memory, and its volumes' sizes where they can be read."""

import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ops.cli.services.cgroups import counters
from ops.cli.services.containers import Server, Servers

# Two samples so far apart give the use of processors between them.
_BETWEEN_SECONDS = 0.15
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


# What each service uses, once it has been looked at.
Samples = Mapping[str, "Future[Sample]"]


@contextmanager
def samples(stack: Servers) -> Iterator[Samples]:
    """Look at what every server uses while the caller does something else; one that does not run uses its volumes alone."""
    with ThreadPoolExecutor(max_workers=len(stack.found)) as pool:
        yield {name: pool.submit(_sample, stack, server) for name, server in stack.found.items()}


def _sample(stack: Servers, server: Server) -> Sample:
    """Return what a server uses, from the kernel where it runs on this machine, and else from the container engine."""
    if not server.running:
        return Sample(volume=_volumes(server))
    process, container = int(server.facts["State"]["Pid"]), str(server.facts["Id"])
    began, first = time.monotonic(), counters(process, container)
    volume = _volumes(server)
    if first is None:
        return replace(_told(stack, server), volume=volume)
    time.sleep(max(0.0, began + _BETWEEN_SECONDS - time.monotonic()))
    second, passed = counters(process, container), time.monotonic() - began
    if second is None:
        return Sample(volume=volume)
    cores = (second.seconds - first.seconds) / passed
    return Sample(cores, second.memory, int(server.facts["HostConfig"]["Memory"]), volume)


def _told(stack: Servers, server: Server) -> Sample:
    """Return what the engine tells, which takes it two seconds."""
    found: dict[str, Any] = stack.client.api.stats(server.name, stream=False)
    memory, now, before = found["memory_stats"], found["cpu_stats"], found["precpu_stats"]
    if "usage" not in memory:
        return Sample()
    used = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    passed = now["system_cpu_usage"] - before.get("system_cpu_usage", 0)
    cores = used / passed * now["online_cpus"] if passed > 0 else 0.0
    # As `docker stats` has it: what the kernel gives back at once is not counted.
    cache = memory["stats"].get("inactive_file", memory["stats"].get("total_inactive_file", 0))
    return Sample(cores, memory["usage"] - cache, memory["limit"])


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

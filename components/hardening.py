"""What binds every container that a stack declares; `components/exceptions.py` lists what is otherwise, with the reason."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_docker as docker

from components.secrets import Owner
from components.sizes import mebibytes
from init.resources.confinement import OPEN_FILES

# Log files of one container: at most three of 10 MB each.
LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}
# A processor's weight when they are short; the engine's unit.
_SHARES = 1024


def hardened(*, memory: int, cpus: float) -> dict[str, Any]:
    """Return the arguments that every container has in common. `memory` is bytes."""
    return {
        "read_only": True,
        "capabilities": docker.ContainerCapabilitiesArgs(drops=["ALL"]),
        "security_opts": ["no-new-privileges:true"],
        # Equal memory and swap limits mean: no swap.
        "memory": mebibytes(memory),
        "memory_swap": mebibytes(memory),
        # Above this half, memory is the first to be taken back when the host runs short.
        "memory_reservation": mebibytes(memory // 2),
        # The provider reads it back with a decimal point; any other spelling would replace the container for ever.
        "cpus": str(float(cpus)),
        "cpu_shares": round(cpus * _SHARES),
        "ulimits": [
            docker.ContainerUlimitArgs(name="nofile", soft=OPEN_FILES, hard=OPEN_FILES),
            # A core dump holds what the server's memory held, passwords included.
            docker.ContainerUlimitArgs(name="core", soft=0, hard=0),
        ],
        "log_driver": "json-file",
        "log_opts": LOG_OPTIONS,
        "must_run": True,
    }


def labelled(labels: Mapping[str, pulumi.Input[str]]) -> list[docker.ContainerLabelArgs]:
    """Return labels as a container takes them."""
    return [docker.ContainerLabelArgs(label=key, value=value) for key, value in labels.items()]


def scratch(sizes: Mapping[str, int], owner: Owner) -> dict[str, str]:
    """Return the file systems in memory, by path and whole mebibytes, to which a server may write besides its volumes."""
    # What is there cannot be executed, and is gone when the container stops.
    return {
        path: f"rw,noexec,nosuid,nodev,size={size}m,mode=0700,uid={owner.uid},gid={owner.gid}"
        for path, size in sizes.items()
    }

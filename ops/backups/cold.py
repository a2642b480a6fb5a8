"""Milvus as a copy of its three volumes: its servers stand still while they are read, and while they are exchanged."""

from collections.abc import Collection, Mapping
from typing import Any

from backup.engines import COLD, HELD, NAMES
from ops.backups import jobs, standing
from ops.backups.reporting import Reporter
from ops.backups.stack import StackBackups

# In the order in which they are stopped; they are started the other way round.
SERVICES = (COLD, "minio", "etcd")
_MOUNT = "/volumes/{}"


def is_cold(taken: Mapping[str, Any]) -> bool:
    """Whether a part is a copy of volumes."""
    return bool(taken["details"].get("cold"))


def problem(backups: StackBackups, only: Collection[str]) -> str | None:
    """Return why there can be no such set of these engines (all without any), with the fix; None if there can."""
    if missing := sorted(set(SERVICES) - set(backups.servers)):
        return f"--cold copies the volumes of {', '.join(SERVICES)}; {backups.stack} has no {missing[0]}. Fix: leave it out"
    if only and COLD not in only:
        return f"--cold is about {COLD}, which --only leaves out. Fix: add --only {COLD}, or leave --cold out"
    if held := sorted(set(only) & set(HELD)):
        return f"with --cold, {held[0]} is in the part of {COLD}: its volume is copied. Fix: leave --only {held[0]} out"
    if unknown := sorted(set(only) - {name for name in NAMES if name in backups.engines}):
        return f"--only has {unknown[0]}, which {backups.stack} does not have. Fix: leave it out"
    return None


def create(backups: StackBackups, request: Mapping[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Have a set made while the three servers stand still; they run again afterwards, however it ends. JobError if it failed."""
    cold = {
        "volumes": mounts(),
        "version": backups.servers[COLD].image.rpartition(":")[2].partition("-")[0],
    }
    containers = [backups.servers[service].container for service in SERVICES]
    try:
        standing.stop(COLD, containers, reporter)
        return jobs.ask(
            backups,
            "create",
            {"configuration": backups.configuration, **request, "cold": cold},
            reporter,
            volumes={**backups.volumes, **{f"{path}:ro": volume for path, volume in volumes(backups).items()}},
            reads_all=True,
        )
    finally:
        standing.start(COLD, containers, reporter)


def mounts() -> dict[str, str]:
    """Return where a job has each service's volume."""
    return {service: _MOUNT.format(service) for service in SERVICES}


def volumes(backups: StackBackups) -> dict[str, str]:
    """Return what a job has to mount to have them there."""
    return {path: backups.servers[service].volume for service, path in mounts().items()}

"""Milvus as a copy of its three volumes: its servers stand still while they are read, and while they are exchanged."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import docker
from docker.errors import APIError

from backup.engines import COLD, HELD, NAMES
from init.resources.gate import wait_until_healthy
from ops.backups import jobs
from ops.backups.reporting import Reporter
from ops.backups.stack import StackBackups

# In the order in which they are stopped; they are started the other way round.
SERVICES = (COLD, "minio", "etcd")
_MOUNT = "/volumes/{}"
_START_SECONDS = 300
_GRACE_SECONDS = 120
# The volumes are read as they are, and everything else as the stack's own user: the job gives the rest of these up at once.
_CAPABILITIES = ("DAC_READ_SEARCH", "SETUID", "SETGID")


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
        "user": backups.user,
    }
    with stopped(reporter, [backups.servers[service].container for service in SERVICES], always=True):
        return jobs.ask(
            backups,
            "create",
            {"configuration": backups.configuration, **request, "cold": cold},
            reporter,
            volumes={**backups.volumes, **{f"{path}:ro": volume for path, volume in volumes(backups).items()}},
            user="0:0",
            capabilities=_CAPABILITIES,
        )


def mounts() -> dict[str, str]:
    """Return where a job has each service's volume."""
    return {service: _MOUNT.format(service) for service in SERVICES}


def volumes(backups: StackBackups) -> dict[str, str]:
    """Return what a job has to mount to have them there."""
    return {path: backups.servers[service].volume for service, path in mounts().items()}


@contextmanager
def still(backups: StackBackups, reporter: Reporter) -> Iterator[None]:
    """Keep the three stopped while they are exchanged; what fails half-way leaves them so, for the next restore to finish."""
    with stopped(reporter, [backups.servers[service].container for service in SERVICES], always=False):
        yield


@contextmanager
def stopped(reporter: Reporter, containers: Collection[str], *, always: bool) -> Iterator[None]:
    """Stop containers in this order, and have them healthy again in the other; `always` says: also when what is done fails."""
    client = docker.from_env(timeout=_GRACE_SECONDS + _START_SECONDS)
    done = False
    try:
        try:
            for container in containers:
                reporter.tell(f"{COLD}: {container} stops")
                client.api.stop(container, timeout=_GRACE_SECONDS)
            yield
            done = True
        finally:
            if done or always:
                _start(client, reporter, list(reversed(list(containers))))
    finally:
        client.close()


def _start(client: docker.DockerClient, reporter: Reporter, containers: list[str]) -> None:
    try:
        for container in containers:
            reporter.tell(f"{COLD}: {container} starts")
            client.api.start(container)
            wait_until_healthy(container, deadline_seconds=_START_SECONDS)
    except BaseException:
        # Interrupted, or one of them failed: the others run all the same.
        for container in containers:
            with suppress(APIError):
                client.api.start(container)
        raise

"""What the service that makes backups has written down last."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from backup.configuration import OPERATIONS
from backup.service.status import NAME, Status
from monitor.backup_rules import SERVICE
from ops.cli.services.containers import Server, Servers
from ops.operations_volume import OperationsVolume, UnreachableError

if TYPE_CHECKING:
    import docker


def read(api: "docker.APIClient", container: str) -> Status | None:
    """Return it, an empty one before the first; None if the container does not give it out. The container need not run."""
    try:
        found = OperationsVolume(api, container).read(f"{OPERATIONS.name}/{NAME}")
    except UnreachableError:
        return None
    try:
        return Status.parse(found[0]) if found else Status()
    except ValueError:
        return Status()


def backed(stack: Servers) -> Status | None:
    """Return a stack's; None where nothing makes backups by itself."""
    server = stack.found.get(SERVICE)
    return read(stack.client.api, server.name) if server else None


def since(*servers: Server | None) -> float:
    """Return when the last of these was started on purpose (Unix seconds), 0 if none was; what ends by itself has no excuse."""
    return max(
        (one.began.timestamp() for one in servers if one and one.began and not one.facts["RestartCount"]), default=0.0
    )


@contextmanager
def reading(stack: Servers) -> Iterator["Future[Status | None]"]:
    """Read it while the caller does something else."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool.submit(backed, stack)

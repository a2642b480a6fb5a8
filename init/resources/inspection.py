"""Looking at one engine's migrations from the host: a job that reads, and writes nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from init.migrations import LedgerEntry
from init.resources.provider import is_known

_PATIENCE_SECONDS = 3.0
_DEADLINE_SECONDS = 45.0
_NEEDED = ("image", "network", "user", "volumes", "container", "connection", "coordination")


def inspect(props: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the engine's `inspect` tells; None if it cannot be asked now."""
    from init.resources.job import Job, JobError, JobSpec

    if not all(is_known(props.get(key)) for key in _NEEDED) or not is_running(props):
        return None
    request = {
        "protocol": 1,
        "action": "inspect",
        "engine": props["service"],
        "connection": props["connection"],
        "coordination": props["coordination"],
        "migrations": [],
        "patience": _PATIENCE_SECONDS,
    }
    try:
        with Job(JobSpec.of(props, deadline_seconds=_DEADLINE_SECONDS)) as job:
            return job.run(request)
    except JobError:
        return None


def is_running(props: Mapping[str, Any]) -> bool:
    """Whether the network and the container are there to be asked; a file needs no container."""
    import docker
    from docker.errors import APIError, NotFound

    client = docker.from_env()
    try:
        client.api.inspect_network(props["network"])
        return not props["container"] or bool(client.api.inspect_container(props["container"])["State"]["Running"])
    except (NotFound, APIError):
        return False
    finally:
        client.close()


def ledger_of(found: Mapping[str, Any]) -> list[LedgerEntry]:
    """Return the ledger of an inspection."""
    return [LedgerEntry.parse(entry) for entry in found["ledger"]]


def recorded_ledger(checksums: Mapping[str, str]) -> list[LedgerEntry]:
    """Return a ledger from what the stack's state tells: names and checksums of what was applied."""
    return [LedgerEntry(name, checksum, datetime.fromtimestamp(0, UTC)) for name, checksum in sorted(checksums.items())]

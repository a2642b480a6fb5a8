"""One row of `karen status` for each service, from the container engine, what Pulumi recorded, what the monitor saw, and what the
service that makes backups has written.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from backup.engines import NAMES
from backup.service.status import Status
from init.migrations import NO_VERSION
from ops.cli.errors import NotAsked
from ops.cli.recorded import Recorded
from ops.cli.services.containers import Server, Servers
from ops.cli.services.samples import Sample, Samples
from ops.cli.services.watched import Watched

_OF_A_SERVER = ("address", "uptime_seconds", "cores", "memory_bytes", "memory_limit_bytes", "volume_bytes")


def rows(stack: Servers, used: Samples, seen: Watched | None, kept: Status | None) -> list[dict[str, Any]]:
    """Return every server, and every engine that is a file."""
    recorded, backup = _recorded(stack.stack), newest(kept)
    found = [
        {**_server(server, used[name].result()), **_engine(name, recorded, seen, backup)}
        for name, server in stack.found.items()
    ]
    return found + [
        {"service": name, **dict.fromkeys(_OF_A_SERVER), "state": "file", **_engine(name, recorded, seen, backup)}
        for name in recorded.records
        if name not in stack.found
    ]


def newest(kept: Status | None) -> dict[str, Any] | None:
    """Return the newest good set, which has every engine: its id, from when what is in it is, and the seconds since then."""
    if kept is None or kept.good is None:
        return None
    began = kept.good.began
    at = datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds")
    return {"set": kept.good.set, "at": at, "age_seconds": max(0, int(time.time() - began))}


def _server(server: Server, used: Sample) -> dict[str, Any]:
    return {
        "service": server.service,
        "address": server.address,
        "state": server.state,
        "uptime_seconds": _uptime(server),
        "cores": round(used.cores, 2),
        "memory_bytes": used.memory,
        "memory_limit_bytes": used.limit,
        "volume_bytes": used.volume,
    }


def _engine(name: str, recorded: Recorded, seen: Watched | None, backup: Mapping[str, Any] | None) -> dict[str, Any]:
    record = recorded.records.get(name)
    return {
        "health": seen.health(name) if seen else None,
        "disk": seen.disk(name) if seen else None,
        "version": recorded.server_versions.get(name),
        "schema_version": record.version if record and record.version not in ("", NO_VERSION) else None,
        "last_backup": backup if name in NAMES else None,
    }


def _recorded(stack: str) -> Recorded:
    """Return what is recorded; a stack that was never initialized has servers alone."""
    try:
        return Recorded.read(stack)
    except NotAsked:
        return Recorded(stack, {}, None)


def _uptime(server: Server) -> int | None:
    began = server.began
    return None if began is None else max(0, int((datetime.now(UTC) - began).total_seconds()))

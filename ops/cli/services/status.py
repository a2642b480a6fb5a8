"""`status`: a line for each service, from the container engine and from what Pulumi recorded; no engine is asked."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from init.migrations import NO_VERSION
from ops.cli.errors import DONE, REFUSED, NotAsked
from ops.cli.printer import Printer
from ops.cli.recorded import Record, Recorded
from ops.cli.services.containers import Server, servers
from ops.cli.services.samples import Sample, samples

_COLUMNS = ("service", "state", "version", "uptime", "cpu", "memory", "volume", "schema")
_STYLES = {"healthy": "green", "running": "green", "starting": "yellow", "file": "green"}
_MEBIBYTE = 1024 * 1024
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def status(printer: Printer) -> int:
    """Print the table; exit 1 when a server is not healthy."""
    with servers(printer.stack) as stack:
        used = samples(stack)
        found = stack.found
    recorded = _recorded(printer.stack)
    rows = [_row(server, used[name], recorded) for name, server in found.items()]
    rows += [_file(name, recorded) for name in recorded.records if name not in found]
    printer.table(_table(rows))
    wrong = [
        f"{row['service']} is {row['state']}" for row in rows if row["state"] not in ("healthy", "running", "file")
    ]
    printer.end(f"{'; '.join(wrong)}." if wrong else "Every server is healthy.", {"services": rows})
    return REFUSED if wrong else DONE


def _recorded(stack: str) -> Recorded:
    """Return what is recorded; a stack that was never initialized has servers alone."""
    try:
        return Recorded.read(stack)
    except NotAsked:
        return Recorded(stack, {}, None)


def _row(server: Server, used: Sample, recorded: Recorded) -> dict[str, Any]:
    return {
        "service": server.service,
        "state": server.state,
        "version": recorded.server_versions.get(server.service),
        "uptime_seconds": _uptime(server),
        "cores": round(used.cores, 2),
        "memory_bytes": used.memory,
        "memory_limit_bytes": used.limit,
        "volume_bytes": used.volume,
        "schema_version": _schema(recorded.records.get(server.service)),
    }


def _file(engine: str, recorded: Recorded) -> dict[str, Any]:
    """Return the row of an engine that is a file."""
    nothing = dict.fromkeys(("uptime_seconds", "cores", "memory_bytes", "memory_limit_bytes", "volume_bytes"))
    return {"service": engine, "state": "file", "version": recorded.server_versions.get(engine), **nothing,
            "schema_version": _schema(recorded.records.get(engine))}  # fmt: skip


def _schema(record: Record | None) -> str | None:
    return record.version if record and record.version not in ("", NO_VERSION) else None


def _uptime(server: Server) -> int | None:
    if not server.facts["State"]["Running"]:
        return None
    # The engine gives nanoseconds, which Python does not read.
    began = datetime.fromisoformat(f"{server.facts['State']['StartedAt'][:19]}+00:00")
    return max(0, int((datetime.now(UTC) - began).total_seconds()))


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table()
    for column in _COLUMNS:
        justify: Any = "right" if column in ("uptime", "cpu", "memory", "volume") else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column == "service")
    for row in rows:
        style = _STYLES.get(row["state"], "red")
        memory = f"{_size(row['memory_bytes'])} / {_size(row['memory_limit_bytes'])}" if row["memory_bytes"] else "–"
        cpu = f"{row['cores']:.2f}" if row["uptime_seconds"] is not None else "–"
        state = f"[{style}]{row['state']}[/]"
        table.add_row(row["service"], state, row["version"] or "–", _ago(row["uptime_seconds"]), cpu, memory,
                      _size(row["volume_bytes"]), row["schema_version"] or "–")  # fmt: skip
    return table


def _ago(seconds: int | None) -> str:
    """Return a duration in its two largest units: `3d 2h`, `1h 5m`, `1m 5s`."""
    if seconds is None:
        return "–"
    for (size, unit), (smaller, other) in pairwise(_UNITS):
        if seconds >= size:
            return f"{seconds // size}{unit} {seconds % size // smaller}{other}"
    return f"{seconds}s"


def _size(count: int | None) -> str:
    if count is None:
        return "–"
    return f"{count / _MEBIBYTE:.0f}M" if count < 1024 * _MEBIBYTE else f"{count / 1024 / _MEBIBYTE:.1f}G"

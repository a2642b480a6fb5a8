"""`status`: a line for each service, from the container engine and from what Pulumi recorded; no engine is asked."""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from backup.service.status import Status
from monitor.alerts.model import Condition
from monitor.backup_rules import conditions
from monitor.certificate_rules import day
from ops.cli.certificates import expiring
from ops.cli.errors import DONE, REFUSED
from ops.cli.printer import Printer
from ops.cli.services.backed import reading, since
from ops.cli.services.containers import BACKUPS, MONITOR, PROXY, RELAY, Server, servers
from ops.cli.services.rehearsed import rehearsed
from ops.cli.services.rows import rows
from ops.cli.services.samples import samples
from ops.cli.services.watched import Watched, watched

_COLUMNS = ("service", "state", "health", "version", "uptime", "cpu", "memory", "volume", "schema", "backup")
_RIGHT = ("uptime", "cpu", "memory", "volume")
_STYLES = {"healthy": "green", "running": "green", "starting": "yellow", "file": "green"}
_GOOD = ("healthy", "running", "file")
_POSTGRES = "postgres"
_MEBIBYTE = 1024 * 1024
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def status(printer: Printer, *, wait: bool = False) -> int:
    """Print the table; exit 1 when a server is not healthy. What only works beside the engines may take its time to start.

    With `wait`, what is starting is waited for first.
    """
    if wait:
        from ops.cli.services.lifecycle import started

        started(printer)
    with servers(printer.stack) as stack, samples(stack) as used, reading(stack) as read:
        table = None if printer.as_json else _table()
        seen = watched(stack)
        kept = read.result()
        found = rows(stack, used, seen, kept)
        starting = _beside(stack.found)
        began = since(stack.found.get(BACKUPS), stack.found.get(_POSTGRES))
    if table is not None:
        _fill(table, found)
        printer.table(table)
    published = [f"{row['service']} {row['address']}" for row in found if row["address"]]
    if published and not printer.as_json:
        printer.say(f"On this host: {', '.join(published)}")
    certificates = expiring.certificates(printer.stack)
    # What the monitor sees, it tells.
    due = [] if seen is not None and not seen.stale else expiring.conditions(certificates, printer.stack)
    alerts = [*(seen.alerts if seen else ()), *map(asdict, [*_backups(printer.stack, seen, kept, began), *due])]
    for alert in alerts:
        printer.say(f"{alert['severity']}: {alert['summary']}. Fix: {alert['fix']}")
    if (next_one := expiring.first(certificates)) is not None and not printer.as_json:
        printer.say(f"Certificates: the next to expire is that of {next_one.service}, on {day(next_one.expires)}.")
    wrong = _wrong(found, seen, starting)
    well = (
        f"{', '.join(sorted(starting))} is starting; every other server is healthy."
        if starting
        else "Every server is healthy."
    )
    told = f"{'; '.join(wrong)}." if wrong else well
    if seen is not None:
        told += f" The monitor looked {_ago(seen.age)} ago."
    sample = {"sample_age_seconds": seen.age} if seen else {}
    backups = kept.document() if kept else None
    expire = [one.document(datetime.now(UTC)) for one in certificates]
    printer.end(told, {"services": found, "alerts": alerts, "backups": backups, "certificates": expire, **sample})
    return REFUSED if wrong else DONE


def _backups(stack: str, seen: Watched | None, kept: Status | None, began: float = 0.0) -> Iterable[Condition]:
    """Return what is wrong with backups, as far as no monitor tells it; `began` is when their service or PostgreSQL was started."""
    told = seen is not None and not seen.stale
    return [*(conditions(kept, time.time(), stack, since=began) if kept and not told else ()), *rehearsed(stack)]


def _beside(found: Mapping[str, Server]) -> set[str]:
    """Return which of the servers that no application waits for are starting."""
    return {name for name in (BACKUPS, MONITOR, PROXY, RELAY) if name in found and found[name].starting}


def _wrong(found: list[dict[str, Any]], seen: Watched | None, starting: Collection[str]) -> list[str]:
    """Return what decides the exit code: a server that is not well, an engine that does not answer, a monitor that is silent."""
    judged = [row for row in found if row["service"] not in starting]
    wrong = [f"{row['service']} is {row['state']}" for row in judged if row["state"] not in _GOOD]
    if seen is None or seen.stale:
        silent = seen is not None and MONITOR not in starting
        return [*wrong, "the monitor is silent"] if silent else wrong
    failing = (row for row in found if row["state"] in _GOOD and row["health"] == "failed")
    return [*wrong, *(f"{row['service']} does not answer" for row in failing)]


def _table() -> Any:
    """Return an empty table; to import what draws it takes as long as the samples do."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in _COLUMNS:
        justify: Any = "right" if column in _RIGHT else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column == "service")
    return table


def _fill(table: Any, found: list[dict[str, Any]]) -> None:
    for row in found:
        memory = f"{_size(row['memory_bytes'])} / {_size(row['memory_limit_bytes'])}" if row["memory_bytes"] else "–"
        table.add_row(
            row["service"],
            f"[{_STYLES.get(row['state'], 'red')}]{row['state']}[/]",
            row["health"] or "–",
            row["version"] or "–",
            _ago(row["uptime_seconds"]),
            f"{row['cores']:.2f}" if row["uptime_seconds"] is not None else "–",
            memory,
            _volume(row),
            row["schema_version"] or "–",
            _ago(row["last_backup"]["age_seconds"] if row["last_backup"] else None),
        )


def _ago(seconds: int | None) -> str:
    """Return a duration in its two largest units: `3d 2h`, `1h 5m`, `1m 5s`."""
    if seconds is None:
        return "–"
    for (size, unit), (smaller, other) in pairwise(_UNITS):
        if seconds >= size:
            return f"{seconds // size}{unit} {seconds % size // smaller}{other}"
    return f"{seconds}s"


def _volume(row: Mapping[str, Any]) -> str:
    """Return a volume's size; where this user may not look into it, how full the monitor found its disk."""
    if row["volume_bytes"] is None and row["disk"] and row["disk"]["limit"]:
        return f"disk {row['disk']['used'] / row['disk']['limit']:.0%}"
    return _size(row["volume_bytes"])


def _size(count: int | None) -> str:
    if count is None:
        return "–"
    return f"{count / _MEBIBYTE:.0f}M" if count < 1024 * _MEBIBYTE else f"{count / 1024 / _MEBIBYTE:.1f}G"

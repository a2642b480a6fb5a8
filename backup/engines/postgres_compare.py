"""Whether what was recovered is what was taken."""

from collections.abc import Mapping
from typing import Any

from backup.engines.base import Task
from backup.engines.postgres_session import databases, session
from backup.engines.postgres_sums import Summary, summarize
from backup.model import Taken
from init.protocol import Failure

_SHOWN = 5
_SEQUENCES = """
    SELECT CASE schemaname WHEN 'public' THEN '' ELSE schemaname || '.' END || sequencename, last_value FROM pg_sequences"""


def compare(connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
    """Count and sum again; Failure `Mismatch` names what differs."""
    found = summarize(connection, say=task.progress)
    differences = differing(taken, found) + behind(taken, _sequences(connection))
    if differences:
        more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        raise Failure(
            "Mismatch", f"postgres: restored, but {'; '.join(differences[:_SHOWN])}{more}", "restore another set"
        )
    loose = taken.details["inexact"]
    told = f"; {len(loose)} were written to at that moment, and are not compared: {', '.join(loose)}" if loose else ""
    task.progress(f"{sum(found[0].values())} rows of {len(found[0])} tables are as they were taken{told}")


def differing(taken: Taken, found: Summary) -> list[str]:
    """Return what is not as it was taken, a sentence for each; of what is inexact, only that it is there at all."""
    counts, checksums = found
    differences = []
    for name in sorted({*taken.counts, *counts}):
        if name in taken.counts and name in counts and name in taken.details["inexact"]:
            continue
        was, now = taken.counts.get(name), counts.get(name)
        if was != now:
            differences.append(f"{name} has {_rows(now)}, taken with {_rows(was)}")
        elif taken.checksums.get(name) != checksums.get(name):
            differences.append(f"{name} has other contents than were taken")
    return differences


def behind(taken: Taken, found: Mapping[str, int | None]) -> list[str]:
    """Return the sequences that would give a value a second time."""
    differences = []
    for name, (last, step) in taken.details["sequences"].items():
        now = found.get(name)
        if now is None or (now - last) * step < 0:
            differences.append(f"the sequence {name} is at {now}, taken at {last}")
    return differences


def _rows(count: int | None) -> str:
    return "no table" if count is None else f"{count} rows"


def _sequences(connection: Mapping[str, Any]) -> dict[str, int | None]:
    with session(connection) as opened:
        names = databases(opened)
    found: dict[str, int | None] = {}
    for name in names:
        prefix = "" if name == connection["database"] else f"{name}/"
        with session(connection, name) as opened:
            found |= {f"{prefix}{sequence}": last for sequence, last in opened.execute(_SEQUENCES.encode()).fetchall()}
    return found

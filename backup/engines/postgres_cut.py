"""The cut: one moment that both a snapshot and the write-ahead log know, so that what is counted is what is restored.

A commit is in the log before other sessions see it, so that under load no restore point is exactly a snapshot. Under a SHARE lock
on a table nobody is between the two: while all are locked, which takes moments, the snapshot and the restore point are taken.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import errors, sql

from backup.engines.postgres_session import session, value
from backup.engines.postgres_sums import LARGE_OBJECTS, Relation, relations
from init.engines.postgres_connection import Connection

# Pauses between attempts in seconds, and for how long each may wait for one lock.
ATTEMPTS = ((0.0, "200ms"), (0.3, "300ms"), (0.7, "500ms"), (1.5, "500ms"), (3.0, "1s"), (5.0, "1s"), (8.0, "1s"))
_HELD = "1500ms"
# An autovacuum leaves a table to others, though not before they have waited for so long.
_YIELD = "100ms"
_BUSY = (
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.DeadlockDetected,
    errors.UndefinedTable,
    errors.OutOfMemory,
)
# Nobody can lock them in SHARE mode: whether one was being refreshed is looked up.
_REFRESHED = """
    SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation
    WHERE relkind = 'm' AND granted AND mode IN ('ExclusiveLock', 'AccessExclusiveLock')
      AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
SEQUENCES = """
    SELECT CASE schemaname WHEN 'public' THEN '' ELSE schemaname || '.' END || sequencename, last_value, increment_by
    FROM pg_sequences WHERE last_value IS NOT NULL AND NOT cycle AND schemaname !~ '^pg_'"""
_CATALOGS = (
    Relation(schema="pg_catalog", table="pg_largeobject", name=LARGE_OBJECTS),
    Relation(schema="pg_catalog", table="pg_largeobject_metadata", name=LARGE_OBJECTS),
)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """One moment. `snapshots` are exported ones by database; `inexact` names what was being written at that moment."""

    point: str
    lsn: str
    began: float
    ended: float
    snapshots: Mapping[str, str]
    sequences: Mapping[str, tuple[int, int]]
    inexact: tuple[str, ...]


class _Changed(Exception):
    """A table came or went while the others were being locked."""


@dataclass(frozen=True, kw_only=True)
class _Database:
    """Two sessions: one holds the locks for moments, the other one the snapshot until everything is counted."""

    name: str
    prefix: str
    locking: Connection
    keeping: Connection


@contextmanager
def cut(connection: Mapping[str, Any], names: Sequence[str], point: str) -> Iterator[Cut]:
    """Make a restore point whose name begins so, and keep the snapshots of it until the context ends.

    Writers wait for two seconds at most at a time. Where some tables cannot be locked in about 20 seconds, these are inexact.
    """
    with ExitStack() as kept:
        all_of_them = [
            _Database(
                name=name,
                prefix="" if name == connection["database"] else f"{name}/",
                locking=kept.enter_context(session(connection, name)),
                keeping=kept.enter_context(session(connection, name)),
            )
            for name in names
        ]
        for number, (pause, patience) in enumerate(ATTEMPTS):
            time.sleep(pause)
            try:
                # Recovery stops at the first point of a name: each attempt has its own.
                found = _locked(all_of_them, f"{point}_{number}", patience)
                break
            except (*_BUSY, _Changed):
                continue
            finally:
                _release(all_of_them)
        else:
            try:
                found = _locked(all_of_them, f"{point}_{len(ATTEMPTS)}", None)
            finally:
                _release(all_of_them)
        yield found


def _release(all_of_them: Sequence[_Database]) -> None:
    for one in all_of_them:
        one.locking.execute("ROLLBACK")


def _locked(all_of_them: Sequence[_Database], point: str, patience: str | None) -> Cut:
    """Lock, take the moment, and return it. Without patience, what cannot be locked at once is inexact."""
    inexact: set[str] = set()
    for one in all_of_them:
        one.locking.execute(
            f"BEGIN; SET LOCAL lock_timeout = '{patience or '100ms'}'; SET LOCAL statement_timeout = '{_HELD}'; "
            f"SET LOCAL deadlock_timeout = '{_YIELD}'".encode()
        )
        tables = relations(one.locking)
        inexact |= {f"{one.prefix}{name}" for name in _lock(one.locking, tables, patience)}
        if relations(one.locking) != tables and patience:
            raise _Changed
    refreshing = {one.name: _views(one) for one in all_of_them}
    before = value(all_of_them[0].locking, "SELECT pg_current_snapshot()::text")
    sequences = _sequences(all_of_them)
    snapshots = {one.name: _keep(one.keeping) for one in all_of_them}
    began = time.time()
    lsn = value(all_of_them[0].locking, "SELECT pg_create_restore_point(%s)::text", point)
    ended = time.time()
    after = {one.name: _views(one) for one in all_of_them}
    moved = value(all_of_them[0].locking, "SELECT pg_current_snapshot()::text") != before
    for one in all_of_them:
        if moved or refreshing[one.name] or after[one.name]:
            inexact |= {f"{one.prefix}{view.name}" for view in relations(one.locking) if view.view}
    return Cut(
        point=point,
        lsn=lsn,
        began=began,
        ended=ended,
        snapshots=snapshots,
        sequences=sequences,
        inexact=tuple(sorted(inexact)),
    )


def _lock(opened: Connection, tables: Sequence[Relation], patience: str | None) -> set[str]:
    """Lock tables, and what large objects are in; return the names of those that could not be."""
    wanted = [*(table for table in tables if not table.view), *_CATALOGS]
    lock = sql.SQL("LOCK TABLE {} IN SHARE MODE {}")
    if patience:
        listed = sql.SQL(", ").join(sql.SQL("ONLY {}").format(one.identifier) for one in wanted)
        opened.execute(lock.format(listed, sql.SQL("")))
        return set()
    missed = set()
    for one in wanted:
        try:
            with opened.transaction():
                opened.execute(lock.format(sql.SQL("ONLY {}").format(one.identifier), sql.SQL("NOWAIT")))
        except _BUSY:
            missed.add(one.name)
    return missed


def _keep(opened: Connection) -> str:
    # An earlier attempt may have left one.
    opened.execute("ROLLBACK")
    opened.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    return str(value(opened, "SELECT pg_export_snapshot()"))


def _views(one: _Database) -> int:
    return int(value(one.locking, _REFRESHED))


def _sequences(all_of_them: Sequence[_Database]) -> dict[str, tuple[int, int]]:
    return {
        f"{one.prefix}{name}": (last, step)
        for one in all_of_them
        for name, last, step in one.locking.execute(SEQUENCES.encode()).fetchall()
    }

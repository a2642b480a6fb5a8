"""PostgreSQL as logical dumps: what a server of another major version can read. Each database comes back beside the one of its name."""

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import psycopg

from backup.engines import postgres_logical_names as names
from backup.engines import postgres_logical_roles as roles
from backup.engines.base import Sink, Source, Task
from backup.engines.postgres_compare import behind, differing
from backup.engines.postgres_cut import SEQUENCES
from backup.engines.postgres_logical_databases import create, described, rewritten
from backup.engines.postgres_logical_tools import TOOL, dump, restore
from backup.engines.postgres_recover import mask
from backup.engines.postgres_roles import forget_mappings
from backup.engines.postgres_session import databases, refused, session, value
from backup.engines.postgres_sums import relations, summarize
from backup.model import Taken
from init.engines.base import first_line, required
from init.engines.postgres_connection import Connection
from init.protocol import Failure

ROLES = "roles.json"
_SHOWN = 5
Facts = Mapping[str, Any]


def back_up(connection: Facts, sink: Sink, task: Task, *, schema_version: str) -> Taken:
    """Dump every database as of one snapshot of its own; Failure `BackupFailed` also where a table was rewritten meanwhile.

    `details` has `logical`, `user` and `database` of the source, `databases` (what each is made with), `sequences` (name: last
    value and step), the materialized views (`refreshed` by a restore, so that only their being there is compared) and `bytes`.
    """
    try:
        with ExitStack() as kept:
            opened = kept.enter_context(session(connection))
            found = [name for name in databases(opened) if not name.startswith(names.OURS)]
            names.fit(found)
            files = {name: rewritten(kept.enter_context(session(connection, name))) for name in found}
            began = time.time()
            keeping = {name: kept.enter_context(session(connection, name)) for name in found}
            snapshots = {name: _keep(one) for name, one in keeping.items()}
            ended = time.time()
            details = {
                "logical": True,
                "user": connection["user"],
                "database": connection["database"],
                "databases": {name: described(opened, name) for name in found},
                "sequences": _each(connection, keeping, _sequences),
                "refreshed": list(_each(connection, keeping, _views)),
            }
            _store_roles(opened, sink)
            size = 0
            for name, snapshot in snapshots.items():
                with sink.file(_file(name)) as into:
                    size += dump({**connection, "database": name}, snapshot, into, task.staging, task.progress)
            counts, checksums = summarize(connection, snapshots, task.progress, portable=True)
            for name, before in files.items():
                _unmoved(connection, name, before)
            version = str(opened.info.parameter_status("server_version")).split()[0]
    except psycopg.Error as error:
        raise refused("the backup was cut off", error) from None
    task.progress(f"{size / 1e6:.0f} MB of {len(snapshots)} databases")
    return Taken(
        tool=TOOL,
        server_version=version,
        schema_version=schema_version,
        counts=counts,
        checksums=checksums,
        began=began,
        ended=ended,
        details={**details, "bytes": size},
    )


def load(connection: Facts, source: Source, taken: Taken, task: Task) -> None:
    """Load each dump into a database beside the one of its name, compare it, and make it the target's.

    The server stays as it is and goes on. Failure `Mismatch` names what is not as it was taken, `MaskFailed` what the mask did,
    `Conflict` a name that is two things, `Unsupported` a moment that is asked for.
    """
    if connection.get("until") is not None:
        raise Failure(
            "Unsupported",
            f"postgres: {task.set_id} has logical dumps, which stand for one moment; allowed: the set as it is",
            "restore it without --at, or name a set that was made without --logical",
        )
    renamed = names.renamed(connection, taken)
    try:
        names.let_in(connection)
        names.remove(connection, (names.RESTORING, names.REPLACED))
        with source.file(ROLES) as stream:
            listed = json.load(stream)
        roles.create(connection, listed, taken.details["user"], task)
        for name, target in renamed.items():
            beside = {**connection, "database": f"{names.RESTORING}{target}"}
            create(connection, beside["database"], taken.details["databases"][name], taken.details["user"], task)
            with source.file(_file(name)) as stream:
                restore(beside, stream, task.staging, task.progress)
            _compare(beside, name, taken, task)
            if not connection.get("logins"):
                forget_mappings(beside, beside["database"], task)
            roles.adopt(beside, taken.details["user"])
            roles.settle(connection, listed, name, beside["database"], task)
        own = {**connection, "database": f"{names.RESTORING}{connection['database']}"}
        mask(own, str(connection.get("mask") or ""))
    except psycopg.Error as error:
        what = f"postgres: the dumps could not be loaded: {first_line(error)}"
        raise Failure("RestoreFailed", what, "look at the PostgreSQL container's log, and restore again") from None


def exchange(connection: Facts, taken: Taken, task: Task) -> None:
    """Give the loaded databases the names of those that were there, all of them in one transaction."""
    names.exchange(connection, list(names.renamed(connection, taken).values()), task)


def give_up(connection: Facts, taken: Taken, task: Task) -> bool:
    """Give the databases that were there before their names again, and remove what was loaded."""
    names.give_up(connection, list(names.renamed(connection, taken).values()), task)
    discard(connection)
    return True


def finish(connection: Facts, taken: Taken, task: Task) -> None:
    """See that the target's credentials open what was restored, and remove what was there before."""
    for name in names.renamed(connection, taken).values():
        session(connection, name).close()
    names.remove(connection, (names.REPLACED,))
    roles.keep(connection, taken.details["user"], task)
    task.progress(f"{len(taken.details['databases'])} databases are open to {connection['user']}")


def discard(connection: Facts) -> None:
    """Remove the databases and roles that a load has left."""
    names.let_in(connection)
    names.remove(connection, (names.RESTORING,))
    roles.discard(connection)


def _file(database: str) -> str:
    return f"databases/{quote(database, safe='').replace('.', '%2E')}.dump"


def _keep(opened: Connection) -> str:
    opened.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    return str(value(opened, "SELECT pg_export_snapshot()"))


def _store_roles(opened: Connection, sink: Sink) -> None:
    with sink.file(ROLES) as into:
        into.write(json.dumps(roles.listed(opened)).encode())


def _sequences(opened: Connection) -> dict[str, Any]:
    return {name: [last, step] for name, last, step in opened.execute(SEQUENCES.encode()).fetchall()}


def _views(opened: Connection) -> dict[str, Any]:
    return {one.name: True for one in relations(opened) if one.view}


def _each(connection: Facts, keeping: Mapping[str, Connection], of: Any) -> dict[str, Any]:
    """Return what is in each database, with the database's name in front as counts have it."""
    return {
        f"{names.prefix(connection['database'], name)}{key}": one
        for name, opened in keeping.items()
        for key, one in of(opened).items()
    }


def _unmoved(connection: Facts, database: str, before: Mapping[int, tuple[str, int]]) -> None:
    """TRUNCATE empties a table for older snapshots as well: between its dump and its sum, one would not be the other."""
    with session(connection, database) as opened:
        after = rewritten(opened)
    moved = sorted(name for oid, (name, file) in before.items() if oid in after and after[oid][1] != file)
    if moved:
        shown = ", ".join(moved[:_SHOWN])
        what = f"postgres: in {database}, {shown} was truncated or rewritten while it was taken"
        raise Failure("BackupFailed", what, "make the set again")


def _compare(beside: Facts, name: str, taken: Taken, task: Task) -> None:
    """Count and sum what was loaded of one database; Failure `Mismatch` names what differs."""
    lead = names.prefix(taken.details["database"], name)
    others = tuple(f"{one}/" for one in taken.details["databases"] if one != name)

    def own(found: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: one for key, one in found.items() if (key.startswith(lead) if lead else not key.startswith(others))
        }

    with session(beside) as opened:
        snapshot = _keep(opened)
        counts, sums = summarize(beside, {beside["database"]: snapshot}, task.progress, portable=True)
        last = {f"{lead}{key}": one for key, (one, _) in _sequences(opened).items()}
    wanted = replace(
        taken,
        counts=own(taken.counts),
        checksums=own(taken.checksums),
        details={"inexact": taken.details["refreshed"], "sequences": own(taken.details["sequences"])},
    )
    found = {f"{lead}{key}": one for key, one in counts.items()}, {f"{lead}{key}": one for key, one in sums.items()}
    differences = differing(wanted, found) + behind(wanted, last)
    if differences:
        more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        told = f"postgres: {required(beside, 'database', str)} is loaded, but {'; '.join(differences[:_SHOWN])}{more}"
        raise Failure("Mismatch", told, "restore another set")
    task.progress(f"{name}: {sum(counts.values())} rows of {len(counts)} tables are as they were taken")

"""Which database of a set becomes which of the target, and the exchange of their names."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql

from backup.engines.base import Task
from backup.engines.postgres_session import session
from backup.model import Taken
from init.engines.base import first_line
from init.engines.postgres_connection import Connection
from init.protocol import Failure

RESTORING, REPLACED = "karen_restoring_", "karen_replaced_"
OURS = (RESTORING, REPLACED)
MAINTENANCE = "template1"
_LONGEST = 63
_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.1
_THERE = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1"
_END = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = ANY(%s) AND pid <> pg_backend_pid()"
)
# Only what an exchange has closed has one of ours beside it.
_CLOSED = """
    SELECT one.datname FROM pg_database AS one JOIN pg_database AS beside ON beside.datname = %s || one.datname
    WHERE NOT one.datallowconn"""


def prefix(own: str, name: str) -> str:
    """Return what stands before the names of what is in a database: nothing in the stack's own."""
    return "" if name == own else f"{name}/"


def renamed(connection: Mapping[str, Any], taken: Taken) -> dict[str, str]:
    """Return the target's name of each database of the set; Failure `Conflict` where two have one, `Unsupported` for a long one."""
    details, own = taken.details, connection["database"]
    found = {name: own if name == details["database"] else name for name in details["databases"]}
    if len(set(found.values())) < len(found):
        raise Failure(
            "Conflict",
            f"postgres: the set has a database {own} beside {details['database']}, which becomes {own}",
            "restore into a stack whose postgresDb is the source's",
        )
    fit(list(found.values()))
    return found


def fit(names: Sequence[str]) -> None:
    """See that a database can be loaded beside each of these; Failure `Unsupported` for a name that is too long."""
    allowed = _LONGEST - len(RESTORING)
    for name in names:
        if len(name.encode()) > allowed:
            what = f"postgres: the name of the database {name} is too long to load it beside; allowed: {allowed} bytes"
            raise Failure("Unsupported", what, f"ALTER DATABASE {name} RENAME TO …, and make a set again")


def exchange(connection: Mapping[str, Any], wanted: Sequence[str], task: Task) -> None:
    """Rename all databases in one transaction, once nobody is in them; nothing to do where it is done."""
    with session(connection, MAINTENANCE) as opened:
        beside = set(_there(opened, RESTORING))
        todo = [name for name in wanted if f"{RESTORING}{name}" in beside]
        if not todo:
            return
        rows = opened.execute("SELECT datname FROM pg_database WHERE datname = ANY(%s)", [todo]).fetchall()
        old = [name for (name,) in rows]
        try:
            _change(opened, old, "ALLOW_CONNECTIONS false")
            _leave(opened, [*old, *(f"{RESTORING}{name}" for name in todo)])
            with opened.transaction():
                _change(opened, old, "RENAME TO {}", REPLACED)
                for name in todo:
                    change = sql.SQL("ALTER DATABASE {} RENAME TO {}")
                    opened.execute(change.format(sql.Identifier(f"{RESTORING}{name}"), sql.Identifier(name)))
        except psycopg.Error as error:
            with suppress(psycopg.Error):
                _change(opened, old, "ALLOW_CONNECTIONS true")
            raise _stuck(error) from None
    task.progress(f"exchanged: {', '.join(todo)}")


def give_up(connection: Mapping[str, Any], wanted: Sequence[str], task: Task) -> None:
    """Rename all databases back, in one transaction; nothing to do where nothing was exchanged.

    They are closed until `let_in`, and what was restored has the names of what was loaded again.
    """
    with session(connection, MAINTENANCE) as opened:
        old = [name for name in wanted if f"{REPLACED}{name}" in _there(opened, REPLACED)]
        # All of them were exchanged, or none.
        if not old or any(f"{RESTORING}{name}" in _there(opened, RESTORING) for name in wanted):
            return
        rows = opened.execute("SELECT datname FROM pg_database WHERE datname = ANY(%s)", [list(wanted)]).fetchall()
        restored = [name for (name,) in rows]
        try:
            _change(opened, restored, "ALLOW_CONNECTIONS false")
            _leave(opened, [*restored, *(f"{REPLACED}{name}" for name in old)])
            with opened.transaction():
                _change(opened, restored, "RENAME TO {}", RESTORING)
                for name in old:
                    change = sql.SQL("ALTER DATABASE {} RENAME TO {}")
                    opened.execute(change.format(sql.Identifier(f"{REPLACED}{name}"), sql.Identifier(name)))
        except psycopg.Error as error:
            with suppress(psycopg.Error):
                _change(opened, restored, "ALLOW_CONNECTIONS true")
            raise _stuck(error) from None
    task.progress(f"as before: {', '.join(old)}")


def let_in(connection: Mapping[str, Any]) -> None:
    """Let everybody in again where an exchange was cut off before it renamed anything."""
    with session(connection, MAINTENANCE) as opened:
        rows = opened.execute(_CLOSED.encode(), [RESTORING]).fetchall()
        _change(opened, [name for (name,) in rows], "ALLOW_CONNECTIONS true")


def remove(connection: Mapping[str, Any], prefixes: Sequence[str]) -> None:
    """Drop the databases whose names begin so, whoever is in them."""
    with session(connection, MAINTENANCE) as opened:
        for one in prefixes:
            for name in _there(opened, one):
                opened.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _stuck(error: Exception) -> Failure:
    what = f"postgres: the databases could not be exchanged: {first_line(error)}"
    return Failure("RestoreFailed", what, "end what uses them, such as prepared transactions; try again")


def _there(opened: Connection, beginning: str) -> list[str]:
    return [name for (name,) in opened.execute(_THERE, [beginning]).fetchall()]


def _change(opened: Connection, names: Sequence[str], change: str, to: str = "") -> None:
    for name in names:
        what = sql.SQL("ALTER DATABASE {} {}")
        opened.execute(what.format(sql.Identifier(name), sql.SQL(change).format(sql.Identifier(f"{to}{name}"))))


def _leave(opened: Connection, names: Sequence[str]) -> None:
    """End every session in the databases, and wait until there is none; the renaming refuses what stays."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        row = opened.execute(_END, [list(names)]).fetchone()
        if row == (0,):
            return
        time.sleep(_PAUSE_SECONDS)

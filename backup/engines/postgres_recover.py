"""The rest of a recovery, inside the network of a server that nobody else can reach: compared, then made the target's."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from backup.engines.base import Task
from backup.engines.postgres_compare import compare
from backup.engines.postgres_roles import adopt, hand_over, steward
from backup.engines.postgres_session import databases, session
from backup.engines.postgres_settings import PORT
from backup.engines.postgres_slots import drop
from backup.model import Taken
from init.engines.base import first_line, required
from init.engines.postgres_connection import Connection
from init.protocol import Failure

_SLOTS = "SELECT slot_name FROM pg_replication_slots"
_SUBSCRIPTIONS = """
    SELECT subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"""


def recover(connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
    """Compare the server at 127.0.0.1 with what was taken, and make it the target's.

    `connection` has the target's `user`, `password` and `database`, perhaps `until` (then nothing is compared: it is another
    moment), and `mask`: SQL that is executed in the target's database, as one transaction, before anybody else can look.
    Failure `Mismatch` names what is not as it was taken, `MaskFailed` what the mask did. After any failure: `load` again.
    """
    source = {
        "host": "127.0.0.1",
        "port": PORT,
        "password": "",
        **{key: taken.details[key] for key in ("user", "database")},
    }
    if connection.get("until") is None:
        compare(source, taken, task)
    target = {**source, "user": required(connection, "user", str), "database": required(connection, "database", str)}
    password = required(connection, "password", str)
    with steward(source) as trusted:
        _forget_others(trusted, task)
        adopt(trusted, source, target, task)
        mask(target | {"user": trusted["user"]}, str(connection.get("mask") or ""))
        hand_over(trusted, target, password)


def _forget_others(trusted: Mapping[str, Any], task: Task) -> None:
    """Remove what would connect to the source's partners, or wait for them."""
    with session(trusted) as opened:
        names = databases(opened)
        for (name,) in opened.execute(_SLOTS).fetchall():
            drop(opened, name)
    for database in names:
        with session(trusted, database) as opened:
            for (name,) in opened.execute(_SUBSCRIPTIONS).fetchall():
                _unsubscribe(opened, name)
                task.progress(f"the subscription {name} of {database} is removed: it has the source's credentials")


def _unsubscribe(opened: Connection, name: str) -> None:
    for change in (
        "ALTER SUBSCRIPTION {} DISABLE",
        "ALTER SUBSCRIPTION {} SET (slot_name = NONE)",
        "DROP SUBSCRIPTION {}",
    ):
        opened.execute(sql.SQL(change).format(sql.Identifier(name)))


def mask(target: Mapping[str, Any], statements: str) -> None:
    """Execute them as one transaction, nothing for an empty text; Failure `MaskFailed` says what the server did not accept."""
    if not statements.strip():
        return
    with session(target) as opened:
        # As an application has it; a session of a backup has none.
        opened.execute("SET search_path = public")
        try:
            with opened.transaction():
                # Without parameters, psycopg sends the text as it is.
                opened.execute(statements.encode())
        except psycopg.Error as error:
            raise Failure(
                "MaskFailed",
                f"postgres: the mask was refused: {first_line(error)}",
                "correct it: nothing was restored, nothing is reachable",
            ) from None

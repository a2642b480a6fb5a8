"""Replication slots of backups: what makes the server keep its write-ahead log until it was fetched."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors

from backup.engines.postgres_session import identifier, refused, session
from init.engines.base import retry
from init.engines.postgres_connection import Connection

PREFIX = "karen_set_"
_LEFT = r"SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE 'karen\_set\_%' AND NOT active"
_DROP = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
_DROP_SECONDS = 10.0


@contextmanager
def slot(connection: Mapping[str, Any], opened: Connection, set_id: str) -> Iterator[str]:
    """Provide a slot that holds the log from now on, dropped afterwards; those that killed backups have left go first."""
    name = identifier(PREFIX, set_id)
    try:
        sweep(opened)
        opened.execute("SELECT pg_create_physical_replication_slot(%s, true)", [name])
    except psycopg.Error as error:
        raise refused("no replication slot could be made", error) from None
    try:
        yield name
    finally:
        # The session that made it may be what has failed.
        with session(connection) as other:
            drop(other, name)


def drop(opened: Connection, name: str) -> None:
    """Drop a slot, if it is there, once the server has noticed that its user is gone."""
    retry(
        lambda: opened.execute(_DROP.encode(), [name]),
        engine="postgres",
        transient=lambda error: isinstance(error, errors.ObjectInUse),
        fix="end the backup that uses it",
        seconds=_DROP_SECONDS,
        trouble=f"the slot {name} is still in use",
    )


def sweep(opened: Connection) -> list[str]:
    """Drop the slots of backups that nothing uses, and return their names: one backup is made at a time."""
    left = [name for (name,) in opened.execute(_LEFT.encode()).fetchall()]
    for name in left:
        drop(opened, name)
    return left

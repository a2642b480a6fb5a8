"""Connections of a backup to PostgreSQL: the same output formats everywhere, so that equal rows are equal text."""

import re
from collections.abc import Mapping
from typing import Any

import psycopg

from init.engines.base import first_line
from init.engines.postgres_connection import Connection, connect
from init.protocol import Failure

APPLICATION = "ai-karen backup"
# What a role or a database has set must not decide how a row reads, nor end a long count.
_SETTINGS = (
    ("search_path", "pg_catalog"),
    ("timezone", "UTC"),
    ("datestyle", "ISO, MDY"),
    ("intervalstyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
    ("lc_monetary", "C"),
    ("xmloption", "content"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "off"),
    ("statement_timeout", "0"),
    ("transaction_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("client_min_messages", "warning"),
    ("event_triggers", "off"),
    ("row_security", "off"),
)
# Those that the server knows: an older one, from which data are taken for an upgrade, lacks the newest.
_SET = f"""
    SELECT pg_catalog.set_config(one.name, one.wanted, false)
    FROM (VALUES {", ".join(f"('{name}', '{value}')" for name, value in _SETTINGS)}) AS one (name, wanted)
    WHERE one.name IN (SELECT name FROM pg_catalog.pg_settings)"""  # noqa: S608 - our own constants
_DATABASES = """
    SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 ORDER BY datname"""


def session(connection: Mapping[str, Any], database: str | None = None) -> Connection:
    """Connect to the stack's database, or to another one of the same server; each statement is its own transaction."""
    facts = connection if database is None else {**connection, "database": database}
    opened = connect(facts, application=APPLICATION)
    try:
        opened.execute(_SET.encode())
    except psycopg.Error as error:
        opened.close()
        raise refused("a session could not be prepared", error) from None
    return opened


def databases(opened: Connection) -> list[str]:
    """Return the databases that let somebody in, templates left out."""
    return [name for (name,) in opened.execute(_DATABASES.encode()).fetchall()]


def value(opened: Connection, statement: str, *parameters: Any) -> Any:
    """Return the one value that a statement answers."""
    row = opened.execute(statement.encode(), parameters or None).fetchone()
    assert row is not None
    return row[0]


def identifier(prefix: str, set_id: str) -> str:
    """Return a name for a slot or a restore point, of the letters that PostgreSQL allows there."""
    return f"{prefix}{re.sub('[^a-z0-9_]', '_', set_id.lower())}"[:60]


def refused(what: str, error: Exception) -> Failure:
    """Return the failure of something that the server did not do."""
    return Failure(
        "BackupFailed",
        f"postgres: {what}: {first_line(error)}",
        "look at the PostgreSQL container's log, and try again",
    )

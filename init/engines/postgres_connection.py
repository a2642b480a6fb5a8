"""Connecting to PostgreSQL, as an engine and as the place where all engines' runners meet."""

from collections.abc import Mapping
from typing import Any

import psycopg

from init import transport
from init.engines.base import first_line, required, retry
from init.protocol import Failure

Connection = psycopg.Connection[tuple[Any, ...]]
# PostgreSQL's ledger and the mirror of all others; how migrations left every engine's schema; how far the audit record goes.
OURS = ("migration_history", "migration_schema", "audit_anchors")
# A file may have set another search path.
HISTORY, SCHEMA, ANCHORS = (f"public.{table}" for table in OURS)
_CONNECT_TIMEOUT_SECONDS = 5
LOCK_TIMEOUT = "10s"
_REFUSED = ("password authentication failed", "no pg_hba.conf entry", "does not exist")
# It says nothing about the password: while a stack goes from encrypted connections to others, the server is still the former.
_UNENCRYPTED = "no encryption"
_REFUSED_FIX = "finish a rotation that was cut off (./karen rotate all), or restore the stack's state: the volume keeps its passwords"
_OPTIONS = {
    # Pinned, so that a user's own schema cannot catch our tables.
    "search_path": "public",
    "timezone": "UTC",
    "lock_timeout": LOCK_TIMEOUT,
    # A lock must not outlive its holder: the server looks once a second whether a busy client is still there, and
    # learns within 3 + 2 * 2 s that an idle one's machine is gone.
    "client_connection_check_interval": "1s",
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "2",
}


def connect(
    connection: Mapping[str, Any],
    *,
    application: str = "ai-karen-init",
    limits: Mapping[str, Any] | None = None,
    seconds: float | None = None,
) -> Connection:
    """Connect with patience for a server that is starting; each statement is its own transaction unless one is begun.

    The patience is `seconds`, or the job's. `limits` are libpq's, such as `keepalives_idle`: https://www.postgresql.org/docs/current/libpq-connect.html.
    """
    return retry(
        lambda: _open(connection, application, limits or {}),
        engine="postgres",
        transient=lambda error: isinstance(error, psycopg.OperationalError),
        fix="look at the PostgreSQL container's log",
        seconds=seconds,
    )


def _open(connection: Mapping[str, Any], application: str, limits: Mapping[str, Any]) -> Connection:
    """Connect once; a wrong password or database is final, while a server that is starting is worth another attempt."""
    try:
        return psycopg.connect(
            host=required(connection, "host", str),
            port=required(connection, "port", int),
            user=required(connection, "user", str),
            password=required(connection, "password", str),
            dbname=required(connection, "database", str),
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            **transport.libpq(connection),
            **limits,
            application_name=application[:63],
            options=" ".join(f"-c {name}={value}" for name, value in _OPTIONS.items()),
            autocommit=True,
        )
    except psycopg.OperationalError as error:
        if any(sign in str(error) for sign in _REFUSED) and _UNENCRYPTED not in str(error):
            raise Failure("AuthenticationFailed", f"postgres: {first_line(error)}", _REFUSED_FIX) from None
        raise

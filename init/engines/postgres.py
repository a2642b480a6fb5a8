"""PostgreSQL: a migration and its ledger row are one transaction. Also keeps the ledger that mirrors all engines'.

Migration 001 creates `migration_history` and is then recorded in it, inside the same transaction: no bootstrap step.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import errors, sql

from init.engines.base import Engine, LedgerEntry, Seeds, failed, first_line, required, retry, unsupported
from init.migrations import Migration
from init.protocol import Failure

_SERVICE = "postgres"
_CONNECT_TIMEOUT_SECONDS = 5
_LOCK_TIMEOUT = "10s"
_COUNT_TIMEOUT = "30s"
_REFUSED = ("password authentication failed", "no pg_hba.conf entry", "does not exist")
_REFUSED_FIX = "the volume keeps the credentials it was made with: restore the stack's state, or reset the stack"
_SEEDS = {
    "classifier_training_data": (
        "classifier",
        """INSERT INTO classifier_training_data (text, intent, confidence, language)
           SELECT text, intent, confidence, language
           FROM jsonb_to_recordset(%s::jsonb) AS seed(text text, intent text, confidence real, language text)
           ON CONFLICT DO NOTHING""",
    ),
    "system_config": (
        "system_config",
        """INSERT INTO system_config (config_key, config_value, description, is_public)
           SELECT key, value, description, is_public
           FROM jsonb_to_recordset(%s::jsonb) AS seed(key text, value jsonb, description text, is_public boolean)
           ON CONFLICT DO NOTHING""",
    ),
}
# One statement, so that readers never see a half-mirrored ledger; MERGE takes no identity value for an unchanged row.
_MIRROR = """
    MERGE INTO migration_history AS kept
    USING (SELECT * FROM jsonb_to_recordset(%s::jsonb)
           AS entry(service text, migration_name text, applied_at timestamptz, checksum text)) AS entry
    ON kept.service = entry.service AND kept.migration_name = entry.migration_name
    WHEN MATCHED AND (kept.checksum, kept.applied_at) IS DISTINCT FROM (entry.checksum, entry.applied_at) THEN
        UPDATE SET checksum = entry.checksum, applied_at = entry.applied_at
    WHEN NOT MATCHED BY TARGET THEN
        INSERT (service, migration_name, applied_at, checksum)
        VALUES (entry.service, entry.migration_name, entry.applied_at, entry.checksum)
    WHEN NOT MATCHED BY SOURCE AND kept.service = ANY(%s) THEN DELETE"""
_HEALTH = """
    INSERT INTO service_health (service_name, status, last_check, metadata)
    SELECT key, 'healthy', now(), value FROM jsonb_each(%s::jsonb)
    ON CONFLICT (service_name) DO UPDATE
    SET status = EXCLUDED.status, last_check = EXCLUDED.last_check, metadata = EXCLUDED.metadata"""


class Driver(Engine):
    """PostgreSQL through psycopg."""

    _connection: psycopg.Connection[tuple[Any, ...]]

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Connect with the schema search path pinned, so that a user's own schema cannot catch our tables."""
        self._connection = retry(
            lambda: _open(connection),
            engine=_SERVICE,
            transient=lambda error: isinstance(error, psycopg.OperationalError),
            fix="look at the PostgreSQL container's log",
        )

    def server_version(self) -> str:
        """Return the version without the distribution's suffix."""
        return self._connection.info.parameter_status("server_version").split()[0]  # type: ignore[union-attr]

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Read this service's rows of `migration_history`."""
        try:
            rows = self._connection.execute(
                "SELECT migration_name, checksum, applied_at FROM migration_history WHERE service = %s ORDER BY 1",
                [_SERVICE],
            ).fetchall()
        except errors.UndefinedTable:
            return ()
        return tuple(LedgerEntry(*row) for row in rows)

    def apply(self, migration: Migration) -> None:
        """Run the file and its ledger row as one transaction."""
        if migration.suffix != "sql":
            raise unsupported(_SERVICE, migration, "sql")
        try:
            with self._connection.transaction():
                # Without parameters psycopg sends the text as it is: several statements, and percent signs stay.
                self._connection.execute(migration.body.encode())
                self._connection.execute(
                    "INSERT INTO migration_history (service, migration_name, checksum) VALUES (%s, %s, %s)",
                    [_SERVICE, migration.name, migration.checksum],
                )
        except psycopg.Error as error:
            raise failed(_SERVICE, migration, _describe(error, migration.body)) from None

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Add seed rows that are not there; a value that somebody changed stays."""
        added = {}
        with self._connection.transaction():
            for table, (name, statement) in _SEEDS.items():
                if seeds.get(name):
                    added[table] = self._connection.execute(statement.encode(), [json.dumps(seeds[name])]).rowcount
        return added

    def verify(self) -> dict[str, int]:
        """Write and read a row in a transaction that is rolled back, then count every table's rows."""
        with self._connection.transaction(force_rollback=True):
            self._connection.execute(
                "INSERT INTO service_health (service_name, status) VALUES ('verification-probe', 'unknown')"
            )
            found = self._connection.execute(
                "SELECT status FROM service_health WHERE service_name = 'verification-probe'"
            ).fetchone()
            if found != ("unknown",):
                raise Failure(
                    "VerificationFailed", f"postgres: a written row reads as {found!r}", "look at the server's log"
                )
        with self._connection.transaction():
            self._connection.execute(f"SET LOCAL statement_timeout = '{_COUNT_TIMEOUT}'".encode())
            tables = self._connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
            ).fetchall()
            return self._count([table for (table,) in tables])

    def mirror(self, ledgers: Mapping[str, Sequence[Mapping[str, str]]], reports: Mapping[str, Any]) -> dict[str, int]:
        """Make `migration_history` tell of these engines what their own ledgers tell, and `service_health` their state."""
        others = [service for service in ledgers if service != _SERVICE]
        entries = [{"service": service, **entry} for service in others for entry in ledgers[service]]
        with self._connection.transaction():
            self._connection.execute(_MIRROR.encode(), [json.dumps(entries), others])
            self._connection.execute(_HEALTH.encode(), [json.dumps(dict(reports))])
            return self._count(["migration_history", "service_health"])

    def close(self) -> None:
        """Close the connection; PostgreSQL rolls back what was not committed."""
        self._connection.close()

    def _count(self, tables: Sequence[str]) -> dict[str, int]:
        parts = [
            sql.SQL("SELECT {}, count(*) FROM public.{}").format(sql.Literal(table), sql.Identifier(table))
            for table in tables
        ]
        return dict(self._connection.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall())


def _open(connection: Mapping[str, Any]) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect once; a wrong password or database is final, while a server that is starting is worth another attempt."""
    try:
        return psycopg.connect(
            host=required(connection, "host", str),
            port=required(connection, "port", int),
            user=required(connection, "user", str),
            password=required(connection, "password", str),
            dbname=required(connection, "database", str),
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            application_name="ai-karen-init",
            options=f"-c search_path=public -c lock_timeout={_LOCK_TIMEOUT} -c timezone=UTC",
            autocommit=True,
        )
    except psycopg.OperationalError as error:
        if any(sign in str(error) for sign in _REFUSED):
            raise Failure("AuthenticationFailed", f"postgres: {first_line(error)}", _REFUSED_FIX) from None
        raise


def _describe(error: psycopg.Error, body: str) -> str:
    """Return what PostgreSQL said, with the line of the file it is about."""
    position = error.diag.statement_position
    line = f"line {body[: int(position) - 1].count(chr(10)) + 1}: " if position and position.isdigit() else ""
    return f"{line}{error.diag.message_primary or first_line(error)} (SQLSTATE {error.sqlstate})"

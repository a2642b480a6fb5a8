"""PostgreSQL: a migration and its ledger row are one transaction, unless the file says that it cannot be."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors, pq, sql

from init.engines import postgres_accounts, postgres_schema, postgres_statements, postgres_wipe
from init.engines.base import (
    DAMAGED,
    Accounts,
    Count,
    Engine,
    LedgerConflict,
    Seeds,
    Work,
    failed,
    first_line,
    required,
    unsupported,
)  # fmt: skip
from init.engines.postgres_connection import HISTORY, OURS, Connection, connect
from init.migrations import LedgerEntry, Script
from init.protocol import Failure

_SERVICE = "postgres"
_STATEMENT_SECONDS = 900.0
_COUNT_TIMEOUT = "30s"
_ASYNCHRONOUS = "SET LOCAL synchronous_commit = off"
# What a file has set is set for this file alone. Not DISCARD ALL, which would let go of the lock.
_RESET = "RESET ALL; RESET SESSION AUTHORIZATION; RESET ROLE"
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
# Whoever reads a damaged page adds to this, in any database; the last row is that of what all databases share.
_DAMAGED = """
    SELECT sum(checksum_failures)::bigint, string_agg(coalesce(datname, 'the catalogs that all databases share'), ', ')
    FROM pg_stat_database WHERE checksum_failures > 0"""
_COLUMNS = "migration_name, checksum, applied_at, duration, applied_by, state, step, error"
_READ = f"SELECT {_COLUMNS} FROM {HISTORY} WHERE service = '{_SERVICE}' ORDER BY 1"  # noqa: S608 - our own constants
_INSERT = f"""
    INSERT INTO {HISTORY} (service, {_COLUMNS}) VALUES ('{_SERVICE}', %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT DO NOTHING"""  # noqa: S608 - our own constants
_IS = f"service = '{_SERVICE}' AND ({_COLUMNS}) = (%s, %s, %s, %s, %s, %s, %s, %s)"
_UPDATE = f"UPDATE {HISTORY} SET ({_COLUMNS}) = (%s, %s, %s, %s, %s, %s, %s, %s) WHERE {_IS}"  # noqa: S608
_DELETE = f"DELETE FROM {HISTORY} WHERE {_IS}"  # noqa: S608 - our own constants


class Driver(Engine):
    """PostgreSQL through psycopg. The same connection holds the lock of its migrations."""

    connection: Connection
    _facts: Mapping[str, Any]

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Connect with the schema search path pinned, so that a user's own schema cannot catch our tables."""
        self._facts = connection
        self.connection = connect(connection, application=f"ai-karen {connection.get('runner', 'init')}")

    def server_version(self) -> str:
        """Return the version without the distribution's suffix."""
        return self.connection.info.parameter_status("server_version").split()[0]  # type: ignore[union-attr]

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Read this service's rows of `migration_history`."""
        try:
            return tuple(LedgerEntry(*row) for row in self.connection.execute(_READ.encode()).fetchall())
        except errors.UndefinedTable:
            return ()

    def write(self, entry: LedgerEntry, replacing: LedgerEntry | None) -> None:
        """Insert the row, or update it where it is still as given."""
        if replacing is None:
            written = self.connection.execute(_INSERT.encode(), _values(entry)).rowcount
        else:
            written = self.connection.execute(_UPDATE.encode(), [*_values(entry), *_values(replacing)]).rowcount
        if written != 1:
            raise LedgerConflict(_SERVICE, entry.name)

    def remove(self, entry: LedgerEntry) -> None:
        """Delete the row where it is still as given."""
        if self.connection.execute(_DELETE.encode(), _values(entry)).rowcount != 1:
            raise LedgerConflict(_SERVICE, entry.name)

    def atomic(self, script: Script) -> bool:
        """Whether the file does not say otherwise."""
        return script.options.transactional

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Return a transaction."""
        with self.connection.transaction():
            # Nothing is half there if the server stops before it is on the disk: change and row are lost together.
            # The run ends with a commit that waits for the disk.
            self.connection.execute(_ASYNCHRONOUS.encode())
            yield

    def check(self, script: Script) -> None:
        """Refuse what is no SQL, statements that would end the transaction around them, and what cannot be taken up."""
        if script.suffix != "sql":
            raise unsupported(_SERVICE, script, "sql")
        reason = postgres_statements.refused(script.body, transactional=script.options.transactional)
        if reason:
            raise failed(_SERVICE, script, reason)

    def execute(self, script: Script, work: Work) -> None:
        """Run the file as a whole, or statement by statement where it cannot be one transaction."""
        timeout = int(1000 * (script.options.timeout or _STATEMENT_SECONDS))
        try:
            self.connection.execute(f"SET statement_timeout = {timeout}".encode())
            if script.options.transactional:
                # Without parameters psycopg sends the text as it is: several statements, and percent signs stay.
                self.connection.execute(script.body.encode())
                if self.connection.info.transaction_status != pq.TransactionStatus.INTRANS:
                    raise failed(_SERVICE, script, "it has ended the transaction around it")
                self.connection.execute(f"{_RESET}; {_ASYNCHRONOUS}".encode())
            else:
                postgres_statements.run(self, script, work)
                self.connection.execute(_RESET.encode())
        except psycopg.Error as error:
            if self.connection.broken:
                raise Failure(
                    "ConnectionFailed",
                    f"postgres: {script.file}: the connection was lost: {first_line(error)}",
                    "run the same command again: it goes on with what is not recorded",
                ) from None
            if script.options.transactional:
                raise failed(_SERVICE, script, postgres_statements.describe(error, script.body)) from None
            self.connection.execute(_RESET.encode())
            told = f"statement {work.entry.step + 1}: {postgres_statements.describe(error, '')}"
            raise failed(_SERVICE, script, told) from None

    def objects(self) -> dict[str, str]:
        """Read the catalog of the schema `public`, without what extensions brought."""
        return postgres_schema.objects(self.connection, without=OURS)

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Add seed rows that are not there; a value that somebody changed stays, a table that is not there has none."""
        added = {}
        with self.connection.transaction():
            for table, (name, statement) in _SEEDS.items():
                present = self.connection.execute("SELECT to_regclass(%s)", [table]).fetchone()
                if seeds.get(name) and present != (None,):
                    added[table] = self.connection.execute(statement.encode(), [json.dumps(seeds[name])]).rowcount
        return added

    def probe(self) -> None:
        """Write a message to the write-ahead log and wait until it is on the disk; unlike a table, it leaves nothing.

        Failure `Damaged` when anybody has met a page whose checksum is wrong.
        """
        self.connection.execute("SELECT pg_logical_emit_message(true, 'ai-karen-db', 'probe')")
        found = self.connection.execute(_DAMAGED.encode()).fetchone()
        if found and found[0]:
            told = f"postgres: {found[0]} reads of pages failed their checksum, in {found[1]}"
            fix = "restore a backup; what was mended otherwise is forgotten by SELECT pg_stat_reset()"
            raise Failure(DAMAGED, told, fix)

    def verify(self) -> dict[str, int]:
        """Probe, then count every table's rows."""
        self.probe()
        with self.connection.transaction():
            self.connection.execute(f"SET LOCAL statement_timeout = '{_COUNT_TIMEOUT}'".encode())
            tables = self.connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
            ).fetchall()
            return self.count([table for (table,) in tables])

    def count(self, tables: Sequence[str]) -> dict[str, int]:
        """Return how many rows each table has."""
        if not tables:
            return {}
        parts = [
            sql.SQL("SELECT {}, count(*) FROM public.{}").format(sql.Literal(table), sql.Identifier(table))
            for table in tables
        ]
        return dict(self.connection.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall())

    def contents(self) -> Mapping[str, Count]:
        """Count every table's rows, also in databases beside the application's."""
        return postgres_wipe.contents(self._facts, self.connection)

    def wipe(self) -> None:
        """Put a new database in the place of the application's, and drop all others that users have made."""
        # Until then this connection, and what it has locked, keeps runners out.
        postgres_wipe.wipe(self._facts)
        self.connection.close()
        self.connect(self._facts)

    def grant(self, accounts: Accounts) -> None:
        """Make roles and users; what migrations have made belongs to one of the roles afterwards."""
        postgres_accounts.grant(self.connection, accounts)

    def change(self, account: Mapping[str, Any], former: str) -> None:
        """Set a user's password; the former one is refused from then on."""
        postgres_accounts.change(self.connection, required(account, "user", str), required(account, "password", str))

    def close(self) -> None:
        """Close the connection; PostgreSQL rolls back what was not committed."""
        self.connection.close()


def _values(entry: LedgerEntry) -> list[Any]:
    return [
        *(entry.name, entry.checksum, entry.applied_at, entry.duration),
        *(entry.applied_by, entry.state, entry.step, entry.error),
    ]

"""SQLite: a migration and its ledger row are one transaction; who writes keeps others waiting."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from init.engines.base import Engine, LedgerConflict, Seeds, Work, failed, first_line, required, unsupported
from init.migrations import LedgerEntry, Script
from init.protocol import Failure

_SERVICE = "sqlite"
_LOCK_SECONDS = 10.0
_STATEMENT_SECONDS = 900.0
_HISTORY = "migration_history"
_LEDGER = f"""
    CREATE TABLE IF NOT EXISTS {_HISTORY} (
        migration_name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at TEXT NOT NULL, duration REAL NOT NULL,
        applied_by TEXT NOT NULL) STRICT"""
_OBJECTS = f"""
    WITH own AS (SELECT * FROM sqlite_schema WHERE tbl_name <> '{_HISTORY}' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\')
    SELECT 'table ' || name, '' FROM own WHERE type = 'table'
    UNION ALL
    SELECT 'view ' || name, sql FROM own WHERE type = 'view'
    UNION ALL
    SELECT type || ' ' || tbl_name || '.' || name, sql FROM own WHERE type IN ('index', 'trigger')
    UNION ALL
    SELECT 'column ' || own.name || '.' || field.name, field.type || iif(field."notnull", ' not null', '')
        || coalesce(' default ' || field.dflt_value, '') || iif(field.pk, ' key ' || field.pk, '')
    FROM own JOIN pragma_table_xinfo(own.name) AS field WHERE own.type = 'table'"""


class Driver(Engine):
    """SQLite in this process."""

    _connection: sqlite3.Connection

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Open the file."""
        path = Path(required(connection, "path", str))
        if not path.parent.is_dir():
            raise Failure("ConnectionFailed", f"sqlite: {path.parent} is no directory", "make it")
        # A watchdog interrupts from a thread of its own.
        self._connection = sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False)

    def server_version(self) -> str:
        """Return the library's version."""
        return sqlite3.sqlite_version

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Read the table `migration_history`; a new file has none."""
        if self._connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", [_HISTORY]).fetchone() is None:
            return ()
        rows = self._connection.execute(f"SELECT * FROM {_HISTORY} ORDER BY 1").fetchall()
        return tuple(
            LedgerEntry(name, checksum, datetime.fromisoformat(at), *rest) for name, checksum, at, *rest in rows
        )

    def write(self, entry: LedgerEntry, replacing: LedgerEntry | None) -> None:
        """Put a row in place of the given one."""
        self._connection.execute(_LEDGER)
        self._expect(entry.name, replacing)
        values = (entry.name, entry.checksum, entry.applied_at.isoformat(), entry.duration, entry.applied_by)
        self._connection.execute(f"INSERT OR REPLACE INTO {_HISTORY} VALUES (?, ?, ?, ?, ?)", values)

    def remove(self, entry: LedgerEntry) -> None:
        """Delete the row."""
        self._expect(entry.name, entry)
        self._connection.execute(f"DELETE FROM {_HISTORY} WHERE migration_name = ?", [entry.name])

    def atomic(self, script: Script) -> bool:
        """Whether there is a transaction: always."""
        return True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Return a transaction that nobody else writes in."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def check(self, script: Script) -> None:
        """Refuse what is no SQL, and what asks for no transaction."""
        if script.suffix != "sql":
            raise unsupported(_SERVICE, script, "sql")
        if not script.options.transactional:
            raise failed(_SERVICE, script, "transactional is 'false'; allowed: true")

    def execute(self, script: Script, work: Work) -> None:
        """Run the file's statements, each within its time."""
        seconds = script.options.timeout or _STATEMENT_SECONDS
        for statement in _statements(script.body):
            timer = threading.Timer(seconds, self._connection.interrupt)
            timer.start()
            try:
                self._connection.execute(statement)
            except sqlite3.Error as error:
                late = error.sqlite_errorname == "SQLITE_INTERRUPT"
                reason = f"a statement took longer than {seconds:g} s (timeout)" if late else first_line(error)
                raise failed(_SERVICE, script, reason) from None
            finally:
                timer.cancel()

    def objects(self) -> dict[str, str]:
        """Read the schema, without the ledger."""
        return dict(self._connection.execute(_OBJECTS).fetchall())

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Add nothing."""
        return {}

    def probe(self) -> None:
        """Have the file checked."""
        if self._connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise Failure("VerificationFailed", "sqlite: the file is damaged", "restore it")

    def verify(self) -> dict[str, int]:
        """Probe, and count every table's rows."""
        self.probe()
        names = [name.removeprefix("table ") for name in self.objects() if name.startswith("table ")]
        return {name: self._connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}

    def contents(self) -> dict[str, int]:
        """Count every table's rows."""
        return self.verify()

    def wipe(self) -> None:
        """Remove every table and view, the ledger first."""
        own = "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name <> ?"
        with self.transaction():
            for kind, name in self._connection.execute(own, [_HISTORY]).fetchall():
                self._connection.execute(f'DROP {kind} "{name}"')

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _expect(self, name: str, replacing: LedgerEntry | None) -> None:
        if next((entry for entry in self.ledger() if entry.name == name), None) != replacing:
            raise LedgerConflict(_SERVICE, name)


def _statements(text: str) -> Iterator[str]:
    """Split at the semicolons that end a statement, which SQLite itself knows."""
    statement = ""
    for piece in text.split(";"):
        statement += f"{piece};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip("; \n"):
        yield statement

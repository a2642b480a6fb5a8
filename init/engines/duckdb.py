"""DuckDB: a file, not a server. A migration and its ledger row are one transaction; one process opens it at a time."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb

from init.engines import duckdb_wipe
from init.engines.base import Engine, LedgerConflict, Seeds, Work, failed, first_line, required, retry, unsupported
from init.engines.duckdb_lease import Lease
from init.engines.duckdb_reading import Position, read_on
from init.migrations import LedgerEntry, Script
from init.protocol import Failure

_SERVICE = "duckdb"
# An application's query is worth waiting for; one that keeps the file open is named.
_LOCK_PATIENCE_SECONDS = 10.0
_STATEMENT_SECONDS = 900.0
# Applications may come with an older DuckDB library than ours: what is written so, 1.1 to 2.0 were seen to read.
_STORAGE_VERSION = "v1.0.0"
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "storage_compatibility_version": _STORAGE_VERSION,
    "autoinstall_known_extensions": False,
    "memory_limit": "256MB",
    "threads": 1,
}
# Of reading what is stored, also in the monitor.
_EXAMINING = "64MB"
_HISTORY = "migration_history"
_LEDGER = f"""
    CREATE TABLE IF NOT EXISTS {_HISTORY} (
        migration_name VARCHAR PRIMARY KEY,
        checksum VARCHAR NOT NULL,
        applied_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
        duration DOUBLE NOT NULL DEFAULT 0,
        applied_by VARCHAR NOT NULL DEFAULT ''
    )"""
# A sequence's start is no part of its definition: in a file that was opened again, it is where the sequence stands.
_OBJECTS = """
    SELECT 'table ' || table_name, coalesce(comment, '') FROM duckdb_tables() WHERE NOT internal AND schema_name = 'main'
    UNION ALL
    SELECT 'view ' || view_name, sql FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'
    UNION ALL
    SELECT 'column ' || table_name || '.' || column_name, data_type
        || CASE WHEN is_nullable THEN '' ELSE ' not null' END || coalesce(' default ' || column_default, '')
    FROM duckdb_columns() WHERE NOT internal AND schema_name = 'main'
    UNION ALL
    SELECT 'constraint ' || table_name || '.' || constraint_text, constraint_type
    FROM duckdb_constraints() WHERE schema_name = 'main' AND constraint_type <> 'NOT NULL'
    UNION ALL
    SELECT 'index ' || table_name || '.' || index_name, sql FROM duckdb_indexes() WHERE schema_name = 'main'
    UNION ALL
    SELECT 'sequence ' || sequence_name, 'increment ' || increment_by || CASE WHEN cycle THEN ' cycle' ELSE '' END
    FROM duckdb_sequences() WHERE NOT temporary AND schema_name = 'main'"""


_ELSEWHERE = re.compile(r"(USE|SET\s+(\w+\s+)?(schema|search_path))\b", re.IGNORECASE)


class Driver(Engine):
    """DuckDB in this process."""

    _connection: duckdb.DuckDBPyConnection
    _lease: Lease
    _path: Path
    _read_only: bool

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Open the file, waiting a bounded time for another process to let go of it."""
        path = Path(required(connection, "path", str))
        if not path.parent.is_dir():
            raise Failure("ConnectionFailed", f"duckdb: {path.parent} is no directory", "mount the DuckDB volume there")
        if connection.get("must_exist") and not path.exists():
            raise Failure(
                "ConnectionFailed", f"duckdb: {path} does not exist", "run pulumi up --refresh, which creates it"
            )
        patience = float(connection.get("lock_seconds", _LOCK_PATIENCE_SECONDS))
        self._path, self._read_only = path, bool(connection.get("read_only"))
        self._lease = Lease(
            path, str(connection.get("runner", "ai-karen-init")), seconds=patience, read_only=self._read_only
        )
        try:
            self._connection = retry(
                lambda: duckdb.connect(str(path), self._read_only, _CONFIG),
                engine=_SERVICE,
                transient=_is_locked,
                fix="end the process that holds the file, or let it close its connection",
                seconds=patience,
                trouble="still in use",
            )
        except BaseException:
            self._lease.release()
            raise

    def server_version(self) -> str:
        """Return the library's version: there is no server."""
        return duckdb.__version__

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Read the table `migration_history`; a new file has none."""
        try:
            rows = self._connection.execute(
                f"SELECT migration_name, checksum, applied_at, duration, applied_by FROM {_HISTORY} ORDER BY 1"  # noqa: S608
            ).fetchall()
        except duckdb.CatalogException:
            return ()
        return tuple(LedgerEntry(name, checksum, at.replace(tzinfo=UTC), *rest) for name, checksum, at, *rest in rows)

    def write(self, entry: LedgerEntry, replacing: LedgerEntry | None) -> None:
        """Put a row in place of the given one; nobody else has the file open."""
        self._connection.execute(_LEDGER)
        self._expect(entry.name, replacing)
        self._connection.execute(
            f"INSERT OR REPLACE INTO {_HISTORY} VALUES (?, ?, ?, ?, ?)",  # noqa: S608 - our own constant
            [
                *(entry.name, entry.checksum, entry.applied_at.astimezone(UTC).replace(tzinfo=None)),
                *(entry.duration, entry.applied_by),
            ],
        )

    def remove(self, entry: LedgerEntry) -> None:
        """Delete the row."""
        self._expect(entry.name, entry)
        self._connection.execute(f"DELETE FROM {_HISTORY} WHERE migration_name = ?", [entry.name])  # noqa: S608

    def atomic(self, script: Script) -> bool:
        """Whether there is a transaction: always."""
        return True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Return a transaction."""
        self._connection.begin()
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
            raise failed(_SERVICE, script, "transactional is 'false'; allowed: true, as DuckDB has no other statements")
        for statement in self._statements(script):
            if statement.type == duckdb.StatementType.TRANSACTION:
                raise failed(_SERVICE, script, "begins or ends a transaction: it runs in one of its own")
            if _ELSEWHERE.match(statement.query.strip()):
                raise failed(_SERVICE, script, "changes the schema for what follows; allowed: names with their schema")

    def execute(self, script: Script, work: Work) -> None:
        """Run the file's statements, each within its time."""
        seconds = script.options.timeout or _STATEMENT_SECONDS
        try:
            for statement in self._statements(script):
                with self._interrupted_after(seconds):
                    self._connection.execute(statement)
        except duckdb.InterruptException:
            raise failed(_SERVICE, script, f"a statement took longer than {seconds:g} s (timeout)") from None
        except duckdb.Error as error:
            raise failed(_SERVICE, script, first_line(error)) from None

    def objects(self) -> dict[str, str]:
        """Read the catalog, without the ledger."""
        found: dict[str, str] = dict(self._connection.execute(_OBJECTS).fetchall())
        return {name: text for name, text in found.items() if name.partition(" ")[2].partition(".")[0] != _HISTORY}

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Add nothing: bootstrap data is PostgreSQL's and Elasticsearch's."""
        return {}

    def probe(self) -> None:
        """Write and read a row in a transaction that is rolled back; where nothing may be written, read the ledger."""
        if self._read_only:
            self.ledger()
            return
        self._connection.begin()
        try:
            self._connection.execute("CREATE TABLE verification_probe AS SELECT 1 AS value")
            found = self._connection.execute("SELECT value FROM verification_probe").fetchone()
        finally:
            self._connection.rollback()
        if found != (1,):
            raise Failure("VerificationFailed", f"duckdb: a written row reads as {found!r}", "check the volume's disk")

    def examine(self, after: object, seconds: float) -> object:
        """Read tables on: a block's checksum is compared when it is read. Rows that are larger than some megabytes are left out."""
        try:
            self._connection.execute(f"SET memory_limit = '{_EXAMINING}'")
            return read_on(self._connection, after if isinstance(after, Position) else Position(), seconds)
        except duckdb.Error as error:
            told = f"duckdb: what is stored cannot be read: {first_line(error)}"
            raise Failure("VerificationFailed", told, "restore a backup, or check the volume's disk") from None
        finally:
            self._connection.execute(f"SET memory_limit = '{_CONFIG['memory_limit']}'")

    def verify(self) -> dict[str, int]:
        """Probe, then count every table's rows."""
        self.probe()
        tables = self._connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND schema_name = 'main' ORDER BY table_name"
        ).fetchall()
        union = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM \"{table}\"" for (table,) in tables)  # noqa: S608
        return dict(self._connection.execute(union).fetchall()) if union else {}

    def contents(self) -> dict[str, int]:
        """Count every table's rows."""
        return duckdb_wipe.contents(self._connection, without=_HISTORY)

    def wipe(self) -> None:
        """Put a new file in the place of this one and its log."""
        self._connection = duckdb_wipe.wipe(self._connection, self._path, _CONFIG)

    def close(self) -> None:
        """Write the log into the file and let go of it."""
        self._connection.close()
        self._lease.release()

    def _expect(self, name: str, replacing: LedgerEntry | None) -> None:
        found = next((entry for entry in self.ledger() if entry.name == name), None)
        if found != replacing:
            raise LedgerConflict(_SERVICE, name)

    def _statements(self, script: Script) -> list[duckdb.Statement]:
        try:
            return self._connection.extract_statements(script.body)
        except duckdb.Error as error:
            raise failed(_SERVICE, script, first_line(error)) from None

    @contextmanager
    def _interrupted_after(self, seconds: float) -> Iterator[None]:
        timer = threading.Timer(seconds, self._connection.interrupt)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _is_locked(error: Exception) -> bool:
    # Not the word alone: it may be in the path.
    return isinstance(error, duckdb.IOException) and "could not set lock" in str(error).lower()

"""DuckDB: a file, not a server. A migration and its ledger row are one transaction; one process opens it at a time."""

from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb

from init.engines.base import Engine, LedgerEntry, Seeds, failed, first_line, required, retry, unsupported
from init.migrations import Migration
from init.protocol import Failure

_SERVICE = "duckdb"
# An application's query is worth waiting for; one that keeps the file open is named.
_LOCK_PATIENCE_SECONDS = 10.0
# Applications may come with an older DuckDB library than ours: what is written so, 1.1 to 2.0 were seen to read.
_STORAGE_VERSION = "v1.0.0"
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "storage_compatibility_version": _STORAGE_VERSION,
    "autoinstall_known_extensions": False,
    "memory_limit": "256MB",
    "threads": 1,
}
_LEDGER = """
    CREATE TABLE IF NOT EXISTS migration_history (
        migration_name VARCHAR PRIMARY KEY,
        checksum VARCHAR NOT NULL,
        applied_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
    )"""
_PROBE = "verification-probe"


class Driver(Engine):
    """DuckDB in this process."""

    _connection: duckdb.DuckDBPyConnection

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Open the file, waiting a bounded time for another process to let go of it."""
        path = Path(required(connection, "path", str))
        if not path.parent.is_dir():
            raise Failure("ConnectionFailed", f"duckdb: {path.parent} is no directory", "mount the DuckDB volume there")
        if connection.get("must_exist") and not path.exists():
            raise Failure(
                "ConnectionFailed", f"duckdb: {path} does not exist", "run pulumi up --refresh, which creates it"
            )
        self._connection = retry(
            lambda: duckdb.connect(str(path), config=_CONFIG),
            engine=_SERVICE,
            transient=_is_locked,
            fix="end the process that holds the file, or let it close its connection",
            seconds=_LOCK_PATIENCE_SECONDS,
            trouble="still in use",
        )

    def server_version(self) -> str:
        """Return the library's version: there is no server."""
        return duckdb.__version__

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Read the table `migration_history`; a new file has none."""
        try:
            rows = self._connection.execute(
                "SELECT migration_name, checksum, applied_at FROM migration_history ORDER BY 1"
            ).fetchall()
        except duckdb.CatalogException:
            return ()
        return tuple(LedgerEntry(name, checksum, at.replace(tzinfo=UTC)) for name, checksum, at in rows)

    def apply(self, migration: Migration) -> None:
        """Run the file and its ledger row as one transaction."""
        if migration.suffix != "sql":
            raise unsupported(_SERVICE, migration, "sql")
        self._connection.begin()
        try:
            self._connection.execute(_LEDGER)
            self._connection.execute(migration.body)
            self._connection.execute(
                "INSERT INTO migration_history (migration_name, checksum) VALUES (?, ?)",
                [migration.name, migration.checksum],
            )
            self._connection.commit()
        except duckdb.Error as error:
            self._connection.rollback()
            raise failed(_SERVICE, migration, first_line(error)) from None

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Add nothing: bootstrap data is PostgreSQL's and Elasticsearch's."""
        return {}

    def verify(self) -> dict[str, int]:
        """Write and read a profile in a transaction that is rolled back, then count every table's rows."""
        self._connection.begin()
        try:
            self._connection.execute("INSERT INTO profiles (user_id, profile_json) VALUES (?, '{}')", [_PROBE])
            found = self._connection.execute("SELECT profile_json FROM profiles WHERE user_id = ?", [_PROBE]).fetchone()
        finally:
            self._connection.rollback()
        if found != ("{}",):
            raise Failure("VerificationFailed", f"duckdb: a written row reads as {found!r}", "check the volume's disk")
        tables = self._connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY table_name"
        ).fetchall()
        union = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM \"{table}\"" for (table,) in tables)  # noqa: S608
        return dict(self._connection.execute(union).fetchall())

    def close(self) -> None:
        """Write the log into the file and let go of it."""
        self._connection.close()


def _is_locked(error: Exception) -> bool:
    return isinstance(error, duckdb.IOException) and "lock" in str(error).lower()

"""What the tests of DuckDB do with the one row of their file."""

from pathlib import Path

import duckdb

from database.settings.duckdb import DuckDBSettings


def settings(path: Path, **more: str) -> DuckDBSettings:
    return DuckDBSettings.of({"DUCKDB_PATH": str(path), "DUCKDB_LEASE_TIMEOUT": "0.3", **more})


def add_one(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("UPDATE counts SET value = value + 1 WHERE name = 'a'")


def value(connection: duckdb.DuckDBPyConnection) -> int:
    found = connection.execute("SELECT value FROM counts WHERE name = 'a'").fetchone()
    assert found is not None
    return int(found[0])

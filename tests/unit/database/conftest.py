"""A DuckDB file with one row, and a client of it."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from database.sync.duckdb import SyncDuckDBClient
from tests.unit.database.counts import settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "kari.db"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE counts (name VARCHAR PRIMARY KEY, value INTEGER NOT NULL)")
        connection.execute("INSERT INTO counts VALUES ('a', 0)")
    return path


@pytest.fixture
def client(path: Path) -> Iterator[SyncDuckDBClient]:
    with SyncDuckDBClient(settings(path)) as client:
        yield client

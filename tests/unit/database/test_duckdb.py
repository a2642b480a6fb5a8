"""DuckDB for real: what a function may do with the file, and what becomes of what fails."""

import time
from pathlib import Path

import duckdb
import pytest

from database.errors import (
    BadDocument,
    Conflict,
    DatabaseError,
    InvalidInput,
    MissingObject,
    OperationTimeout,
)
from database.sync.duckdb import SyncDuckDBClient
from tests.unit.database.counts import add_one, settings, value


def test_a_write_that_fails_is_undone(client: SyncDuckDBClient) -> None:
    def half(connection: duckdb.DuckDBPyConnection) -> None:
        add_one(connection)
        raise KeyError("mine")

    with pytest.raises(KeyError):
        client.run("half", half, writing=True)
    assert client.run("read", value) == 0


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT * FROM nothing", MissingObject),
        ("SELECT nothing FROM counts", InvalidInput),
        ("SELEC 1", InvalidInput),
        ("INSERT INTO counts VALUES ('a', 1)", Conflict),
        ("INSERT INTO counts VALUES ('b', NULL)", InvalidInput),
        ("INSERT INTO counts VALUES ('b', 'x')", InvalidInput),
        ("SELECT '{'::JSON", BadDocument),
        ('SELECT * FROM "counts; DROP TABLE counts"', MissingObject),
    ],
)
def test_an_error_has_its_kind(client: SyncDuckDBClient, statement: str, kind: type[DatabaseError]) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.run("try", lambda connection: connection.execute(statement).fetchall(), writing=True)
    assert type(caught.value) is kind
    assert (caught.value.engine, caught.value.operation) == ("duckdb", "try")


def test_who_says_nothing_of_writing_cannot(client: SyncDuckDBClient) -> None:
    with pytest.raises(InvalidInput, match="read-only"):
        client.run("add", add_one)


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(MissingObject, match="does not exist") as caught:
        SyncDuckDBClient(settings(tmp_path / "none.db")).open()
    assert "DUCKDB_PATH" in caught.value.fix
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pause", [0.0, 0.4])
def test_a_query_that_takes_too_long_is_interrupted(path: Path, pause: float) -> None:
    """Also where the time was up between two statements."""

    def slow(connection: duckdb.DuckDBPyConnection) -> None:
        time.sleep(pause)
        connection.execute("SELECT count(*) FROM range(10000000000) a, range(100) b")

    with SyncDuckDBClient(settings(path, DUCKDB_TIMEOUT="0.2")) as client:
        began = time.monotonic()
        with pytest.raises(OperationTimeout):
            client.run("slow", slow)
        assert time.monotonic() - began < 5

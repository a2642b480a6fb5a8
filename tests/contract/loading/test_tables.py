"""CSV into tables: all rows or none, and an error that names the place and no content."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from init.loading import load
from init.protocol import ProtocolError
from tests.contract.loading.conftest import TABLE
from tests.contract.loading.sending import SECRET, refusal, rows, sent

pytestmark = pytest.mark.contract
MILLION = 1_000_000


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "test.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLE)
    return path


@pytest.fixture(params=["postgres", "duckdb"])
def tables(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Callable[[], list[Any]]]:
    """Return how to load into an engine's table `notes`, and what reads it."""
    if request.param == "postgres":
        opened = request.getfixturevalue("postgres")
        connection = request.getfixturevalue("credentials")
        return {"engine": "postgres", "connection": connection}, lambda: opened.execute("TABLE notes").fetchall()
    path = request.getfixturevalue("database")

    def read() -> list[Any]:
        with duckdb.connect(str(path)) as connection:
            return connection.execute("FROM notes").fetchall()

    return {"engine": "duckdb", "connection": {"path": str(path)}}, read


def test_columns_go_by_name_and_others_take_their_default(tables: Any) -> None:
    request, read = tables
    data = b'\xef\xbb\xbftenant,"id",note\r\n"a, ""b""",1,\r\n"two\nlines",2,""\r\n'
    assert load({**request, "target": "notes"}, sent([data[:9], data[9:]])) == {"added": 2}
    assert read() == [(1, 'a, "b"', 0.5, None), (2, "two\nlines", 0.5, "")]


def test_one_bad_row_near_the_end_of_a_million_leaves_none(tables: Any) -> None:
    def pieces() -> Iterator[bytes]:
        yield from rows(MILLION - 2)
        yield f"{SECRET},{SECRET}\n{MILLION},last\n".encode()

    request, read = tables
    failure = refusal({**request, "target": "notes"}, pieces())
    assert failure.kind == "LoadFailed"
    # The header is the first line.
    assert f"line {MILLION}, column id: " in failure.message
    assert "no row was added" in failure.message
    assert read() == []


def test_rows_of_many_pieces_are_loaded(tables: Any) -> None:
    request, read = tables
    assert load({**request, "target": "notes"}, sent(rows(100_000))) == {"added": 100_000}
    assert len(read()) == 100_000


@pytest.mark.parametrize(
    ("target", "data", "reason"),
    [
        ("nothing", b"id\n", "there is no table 'nothing'; allowed: notes"),
        ("migration_history", b"id\n", "there is no table 'migration_history'"),
        ("notes", b"", "no header line"),
        ("notes", b"id,tenant,colour\n", "notes has no column 'colour'; allowed: id, tenant, score, note"),
        ("notes", b"id\n", "the column 'tenant' is missing"),
        ("notes", b"id,tenant,id\n", "the column 'id' is there twice"),
    ],
)
def test_what_cannot_be_loaded_is_refused_with_what_can(tables: Any, target: str, data: bytes, reason: str) -> None:
    request, read = tables
    failure = refusal({**request, "target": target}, [data])
    assert failure.kind == "BadRequest"
    assert reason in failure.message
    assert read() == []


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (f"2,{SECRET},x", "line 3"),
        (f'2,"{SECRET}', "line"),
        (f"2,{SECRET},1,n,n", "line 3"),
        (f'"{SECRET}""",b', "line 3, column id"),
        ("1,b", "duplicate key"),
        (",b", "id"),
    ],
)
def test_a_bad_row_is_named_without_its_content(tables: Any, row: str, place: str) -> None:
    request, read = tables
    header = b"id,tenant,score\n" if row.count(",") > 1 else b"id,tenant\n"
    first = b"1,a,1\n" if row.count(",") > 1 else b"1,a\n"
    failure = refusal({**request, "target": "notes"}, [header, first, row.encode() + b"\n"])
    assert failure.kind == "LoadFailed"
    assert place in failure.message
    assert read() == []


def test_a_stream_that_breaks_off_leaves_no_row(tables: Any) -> None:
    request, read = tables
    whole = sent(rows(50_000)).getvalue()
    with pytest.raises(ProtocolError):
        load({**request, "target": "notes"}, io.BytesIO(whole[:-4]))
    assert read() == []

"""DuckDB's probe: every value of every table is read, whatever it is called and however large it is, within the memory."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from backup.probes import probe
from init.engines import duckdb_reading
from init.engines.duckdb_reading import Position, Table, parts, read_on
from init.protocol import Failure
from tests.unit.backup.duckdb_samples import COUNTS, OBJECTS, VALUES

# Three pages of headers, then blocks of 256 KiB, each with its checksum.
_HEADERS, _BLOCK = 3 * 4096, 262_144


def made(path: Path, *statements: str) -> Path:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def probed(path: Path) -> str:
    return probe({"duckdb": {"path": str(path)}}, ["duckdb"], lambda _: None)["duckdb"]


def refused(path: Path) -> str:
    with pytest.raises(Failure) as caught:
        probed(path)
    assert caught.value.kind == "ProbeFailed"
    return caught.value.message


def test_a_flipped_byte_is_found_in_every_block_of_a_table(tmp_path: Path) -> None:
    # A column that is called as the others together might be.
    columns = "range AS n, md5(range::text) AS t, repeat(md5(range::text), 20) AS big"
    path = made(tmp_path / "whole.db", f"CREATE TABLE noted AS SELECT {columns} FROM range(20000)")
    assert probed(path) == "20000 rows in 1 tables read"
    with duckdb.connect(str(path), read_only=True) as connection:
        told = connection.execute("SELECT DISTINCT block_id FROM pragma_storage_info('noted') WHERE persistent")
        blocks = [number for (number,) in told.fetchall() if number >= 0]
    assert len(blocks) > 20
    whole = path.read_bytes()
    for block in blocks:
        damaged = bytearray(whole)
        damaged[_HEADERS + block * _BLOCK + _BLOCK // 2] ^= 1
        path.write_bytes(damaged)
        assert 'the table "main"."noted": Corrupt database file' in refused(path)
    path.write_bytes(whole)
    assert probed(path) == "20000 rows in 1 tables read"


def test_values_of_every_type_are_read(tmp_path: Path) -> None:
    path = made(tmp_path / "values.db", OBJECTS, VALUES, 'CREATE TABLE hidden AS SELECT 1 AS "RowId" FROM range(5)')
    assert probed(path) == f"{sum(COUNTS.values()) + 5} rows in {len(COUNTS) + 1} tables read"


def test_rows_that_are_together_larger_than_the_memory_are_read(tmp_path: Path) -> None:
    # One vector of them has 410 MB, the last row 100 MB: the probe has 192 MB.
    path = made(
        tmp_path / "large.db",
        "CREATE TABLE large AS SELECT repeat(md5(range::text), 6250) AS text FROM range(2048)",
        "INSERT INTO large SELECT repeat('0123456789', 10_000_000)",
    )
    assert probed(path) == "2049 rows in 1 tables read"


@pytest.fixture
def several(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """Tables of which one is empty, and one has rows that were deleted."""
    connection = duckdb.connect(str(tmp_path / "several.db"))
    connection.execute("CREATE TABLE b AS SELECT range AS n FROM range(300_000)")
    connection.execute("DELETE FROM b WHERE n BETWEEN 10 AND 19")
    connection.execute("CREATE TABLE a (n integer); CREATE SCHEMA z; CREATE TABLE z.a AS SELECT 1 AS n")
    return connection


def test_it_goes_on_where_it_was_until_all_is_read(several: duckdb.DuckDBPyConnection) -> None:
    seen = [Position()]
    while (position := read_on(several, seen[-1], 0.0)) is not None:
        seen.append(position)
    assert seen == sorted(seen)
    assert seen[-1] == Position(Table("z", "a"), 2048)
    assert {one.table.name for one in seen[1:-1]} == {"b"}
    assert len(seen) > 4
    assert read_on(several, Position(), 10.0) is None
    # What it was at is gone.
    several.execute("DROP TABLE b")
    assert read_on(several, Position(Table("main", "b"), 4096), 10.0) is None


def test_rows_are_counted_once(several: duckdb.DuckDBPyConnection) -> None:
    assert sum(count for count, _ in parts(several, Table("main", "b"))) == 299_990
    assert sum(count for count, _ in parts(several, Table("main", "b"), 20)) == 299_980


@pytest.mark.parametrize(
    ("seconds", "sizes"), [(0.001, [2048, 4096, 8192]), (0.05, [2048] * 3), (0.2, [2048, 1024, 512])]
)
def test_a_part_is_as_large_as_its_time_allows(
    several: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, seconds: float, sizes: list[int]
) -> None:
    ticks = itertools.count()
    # It is asked before and after each part.
    clock = SimpleNamespace(monotonic=lambda: next(ticks) * seconds)
    monkeypatch.setattr(duckdb_reading, "time", clock)
    reading = parts(several, Table("main", "b"), 100)
    ends = [100, *(next(reading)[1] for _ in sizes)]
    assert [after - before for before, after in itertools.pairwise(ends)] == sizes

"""The sums of a DuckDB table: of what is in it, not of its order, and of rows of any size."""

from collections.abc import Sequence
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup.engines import duckdb_sums
from backup.engines.duckdb_sums import summarize

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
ROW = st.tuples(
    *(st.none() | one for one in (st.integers(-(2**63), 2**63 - 1), st.floats(), TEXT, st.binary(max_size=8))),
    st.none() | st.lists(st.none() | TEXT, max_size=3),
)
ROWS = st.lists(ROW, max_size=8)
CREATE = "CREATE OR REPLACE TABLE t (i BIGINT, f DOUBLE, v VARCHAR, b BLOB, l VARCHAR[])"


def summed(database: duckdb.DuckDBPyConnection, rows: Sequence[Any]) -> tuple[int, str]:
    database.execute(CREATE)
    for row in rows:
        database.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?)", list(row))
    counts, checksums = summarize(database)
    return counts["t"], checksums["t"]


@given(ROWS, st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_the_order_does_not_matter_and_every_row_does(rows: list[Any], random: Any) -> None:
    with duckdb.connect() as database:
        before = summed(database, rows)
        assert before[0] == len(rows)
        shuffled = random.sample(rows, len(rows))
        assert summed(database, shuffled) == before
        for place in range(len(rows)):
            assert summed(database, rows[:place] + rows[place + 1 :] + [(1, 2.0, "other", b"", [])])[1] != before[1]


def test_values_that_read_alike_differ() -> None:
    queries = [
        "SELECT 'a,b' AS x, 'c' AS y",
        "SELECT 'a' AS x, 'b,c' AS y",
        "SELECT NULL AS x, '' AS y",
        "SELECT '' AS x, NULL AS y",
        "SELECT '-' AS x, '' AS y",
        "SELECT union_value(i := 1)::UNION(i INTEGER, v VARCHAR) AS x, 1 AS y",
        "SELECT union_value(v := '1')::UNION(i INTEGER, v VARCHAR) AS x, 1 AS y",
        "SELECT 0.0::DOUBLE AS x, 'nan'::DOUBLE AS y",
        "SELECT -0.0::DOUBLE AS x, 'nan'::DOUBLE AS y",
        "SELECT 'inf'::DOUBLE AS x, 'nan'::DOUBLE AS y",
        "SELECT '-inf'::DOUBLE AS x, 'nan'::DOUBLE AS y",
    ]
    with duckdb.connect() as database:
        for number, query in enumerate(queries):
            database.execute(f"CREATE TABLE t{number} AS {query}")
        _, checksums = summarize(database)
    assert len(set(checksums.values())) == len(queries)


def test_the_session_s_time_zone_does_not_matter() -> None:
    with duckdb.connect() as database:
        database.execute("CREATE TABLE t AS SELECT '2026-11-22 10:00:00+00'::TIMESTAMPTZ AS at")
        found = []
        for zone in ("Asia/Tokyo", "America/New_York"):
            database.execute(f"SET TimeZone = '{zone}'")
            found.append(summarize(database))
        assert found[0] == found[1]


def test_rows_that_do_not_fit_together_are_summed_by_and_by(tmp_path: Any) -> None:
    path = str(tmp_path / "large.db")
    with duckdb.connect(path) as database:
        # Long enough for a block of its own each, and 60 MB in a vector of 2048.
        database.execute("CREATE TABLE t AS SELECT i, repeat(md5(i::VARCHAR), 1000) AS v FROM range(2000) AS r (i)")
        database.execute("DELETE FROM t WHERE i % 3 = 0")
        wanted = summarize(database)
    with duckdb.connect(path, True, {"memory_limit": "24MB", "threads": 1}) as database:
        assert summarize(database) == wanted
    assert wanted[0] == {"t": 1333}


@pytest.mark.parametrize("megabytes", [40, pytest.param(200, marks=pytest.mark.full)])
def test_a_row_that_is_too_large_for_itself_is_given_more(tmp_path: Any, megabytes: int) -> None:
    path = str(tmp_path / "large.db")
    with duckdb.connect(path) as database:
        database.execute(f"CREATE TABLE t AS SELECT 1 AS i, repeat('0123456789abcdef', {megabytes << 16}) AS v")
        database.execute("INSERT INTO t SELECT range, 'short' FROM range(100)")
        wanted = summarize(database)
    with duckdb.connect(path, True, {"memory_limit": "32MB", "threads": 1}) as database:
        before = database.execute("SELECT current_setting('memory_limit')").fetchall()
        assert summarize(database) == wanted
        assert database.execute("SELECT current_setting('memory_limit')").fetchall() == before


def test_a_table_of_many_parts_is_summed_as_a_whole_and_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_sums, "_ROWS", 1000)
    monkeypatch.setattr(duckdb_sums, "_PROGRESS_SECONDS", 0)
    told: list[str] = []
    with duckdb.connect() as database:
        database.execute("CREATE TABLE many AS SELECT i, md5(i::VARCHAR) AS v FROM range(2500) AS r (i)")
        # It has no numbers of its own to be cut by.
        database.execute("CREATE TABLE whole AS SELECT i AS rowid, v FROM many")
        counts, checksums = summarize(database, told.append)
    assert counts == {"many": 2500, "whole": 2500}
    assert checksums["many"] == checksums["whole"]
    assert told == [
        *(f"{count} rows of many are summed" for count in (1000, 2000, 2500)),
        "2500 rows of whole are summed",
    ]

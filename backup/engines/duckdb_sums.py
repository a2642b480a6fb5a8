"""Counts and sums of a DuckDB file's tables. DuckDB's own hash differs between its versions; MD5 of a value's text does not."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import duckdb

from backup.engines.base import digest

_TABLES = """
    SELECT schema_name, table_name, table_oid FROM duckdb_tables()
    WHERE NOT internal AND NOT temporary AND database_name = current_database() ORDER BY 1, 2"""
_COLUMNS = """
    SELECT column_name, data_type FROM duckdb_columns()
    WHERE table_oid = ? AND schema_name = ? AND database_name = current_database() ORDER BY column_index"""
# Their texts have no comma; every other one is hashed for itself.
_SIMPLE = {
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    *("FLOAT", "DOUBLE", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "UUID"),
}
# Four of DuckDB's row groups at a time; fewer than its vectors of 2048 where those are too large.
_ROWS, _FEW_ROWS = 4 * 122_880, 64
_PROGRESS_SECONDS = 1.0
# A row is read as a whole: one of 200 MB takes twice as much.
_LARGE_ROW = "1GB"
Sums = tuple[Mapping[str, int], Mapping[str, str]]


def summarize(connection: duckdb.DuckDBPyConnection, progress: Callable[[str], None] = lambda _: None) -> Sums:
    """Return how many rows each table (`table`, `schema.table`) has, and the sum of their hashes, whatever their order."""
    connection.execute("SET TimeZone = 'UTC'")
    counts, checksums = {}, {}
    for schema, table, oid in connection.execute(_TABLES).fetchall():
        name = table if schema == "main" else f"{schema}.{table}"
        columns = connection.execute(_COLUMNS, [oid, schema]).fetchall()
        query = f"SELECT count(*), coalesce(sum({_row(columns)}), 0) FROM {_quoted(schema)}.{_quoted(table)}"  # noqa: S608
        # A column of that name hides the rows' own numbers.
        numbered = all(column.lower() != "rowid" for column, _ in columns)
        counts[name], total = _Query(connection, query, name, progress).run(in_parts=numbered)
        checksums[name] = digest(total)
    return counts, checksums


class _Query:
    """A query that counts and sums a table, in as many parts as the memory asks for."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, query: str, name: str, progress: Callable[[str], None]
    ) -> None:
        self._connection, self._query, self._name, self._progress = connection, query, name, progress
        self._count = self._total = 0
        self._told = time.monotonic()

    def run(self, *, in_parts: bool) -> tuple[int, int]:
        """Return the rows, and their sum."""
        if not in_parts:
            self._add("")
            return self._count, self._total
        last = self._one(f"SELECT coalesce(max(rowid), -1) FROM {self._query.partition(' FROM ')[2]}")[0]  # noqa: S608
        self._between(0, last, _ROWS)
        return self._count, self._total

    def _between(self, first: int, last: int, size: int) -> None:
        for start in range(first, last + 1, size):
            end = min(start + size - 1, last)
            try:
                self._add(f"WHERE rowid BETWEEN {start} AND {end}")
            except duckdb.OutOfMemoryException:
                if size == 1:
                    self._add_large(start)
                else:
                    self._between(start, end, _FEW_ROWS if size > _FEW_ROWS else 1)

    def _add_large(self, row: int) -> None:
        before = self._one("SELECT current_setting('memory_limit')")[0]
        self._connection.execute(f"SET memory_limit = '{_LARGE_ROW}'")
        try:
            self._add(f"WHERE rowid = {row}")
        finally:
            self._connection.execute(f"SET memory_limit = '{before}'")

    def _add(self, condition: str) -> None:
        count, total = self._one(f"{self._query} {condition}")
        self._count += count
        self._total += int(total)
        if time.monotonic() - self._told > _PROGRESS_SECONDS:
            self._told = time.monotonic()
            self._progress(f"{self._count} rows of {self._name} are summed")

    def _one(self, query: str) -> tuple[Any, ...]:
        (row,) = self._connection.execute(query).fetchall()
        return tuple(row)


def _row(columns: list[tuple[str, str]]) -> str:
    return f"md5_number_lower(concat_ws(',', {', '.join(_texts(columns))}))"


def _texts(columns: list[tuple[str, str]]) -> Iterator[str]:
    """Return an expression for each column: text as its hash, so that it is short and has no comma in it."""
    for name, kind in columns:
        column = _quoted(name)
        text = f"{column}::VARCHAR"
        if kind.startswith("UNION("):
            text = f"union_tag({column})::VARCHAR || ':' || {text}"
        if kind not in _SIMPLE:
            text = f"md5_number_lower({text})::VARCHAR"
        yield f"coalesce({text}, '-')"


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))

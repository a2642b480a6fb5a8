"""Reading all that a DuckDB file's tables hold, part by part: DuckDB compares a block's checksum when it reads the block.

The memory is the connection's limit, whatever the size. Indexes are not read.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

import duckdb

_TABLES = """
    SELECT schema_name, table_name FROM duckdb_tables()
    WHERE NOT internal AND NOT temporary AND database_name = current_database() ORDER BY 1, 2"""
_HIDDEN = """
    SELECT 1 FROM duckdb_columns()
    WHERE (schema_name, table_name, lower(column_name)) = (?, ?, 'rowid') AND database_name = current_database()"""
# A part begins with as many rows as one of DuckDB's vectors has, and goes up to four of its row groups; how long the one before
# took tells how many the next has.
_FIRST_ROWS, _MOST_ROWS = 2048, 4 * 122_880
_SHORT_SECONDS, _LONG_SECONDS = 0.02, 0.08
# Where the memory is too small for a part, the next try is so much smaller.
_SMALLER = 32
# A row is read as a whole: one of 200 MB takes twice as much.
_LARGE_ROW = "1GB"


class Table(NamedTuple):
    """One table of a file; tables are read in their order."""

    schema: str
    name: str

    @property
    def quoted(self) -> str:
        """Return it as a statement has it."""
        return ".".join('"{}"'.format(part.replace('"', '""')) for part in self)


class Position(NamedTuple):
    """Where reading goes on: a table, and the number of its row."""

    table: Table = Table("", "")
    row: int = 0


def tables(connection: duckdb.DuckDBPyConnection) -> list[Table]:
    """Return the tables of a file, sorted."""
    return sorted(Table(*row) for row in connection.execute(_TABLES).fetchall())


def parts(
    connection: duckdb.DuckDBPyConnection, table: Table, first: int = 0, *, large_rows: bool = False
) -> Iterator[tuple[int, int]]:
    """Read a table from a row on; yield, after each part, how many rows it had and which row is the next.

    A row that is larger than the memory is left out, or read with up to 1 GB with `large_rows`. duckdb.Error says what cannot be read.
    """
    query = f"SELECT count(*), bit_xor(hash(*COLUMNS(*))) FROM {table.quoted}"  # noqa: S608 - quoted
    if connection.execute(_HIDDEN, list(table)).fetchone():
        # A column of that name hides the rows' own numbers.
        yield _count(connection, query), 0
        return
    ((end,),) = connection.execute(f"SELECT coalesce(max(rowid), -1) + 1 FROM {table.quoted}").fetchall()  # noqa: S608
    size = _FIRST_ROWS
    while first < end:
        condition = f"WHERE rowid BETWEEN {first} AND {first + size - 1}"
        began = time.monotonic()
        try:
            count = _count(connection, f"{query} {condition}")
        except duckdb.OutOfMemoryException:
            if size > 1:
                size = max(1, size // _SMALLER)
                continue
            count = _large(connection, f"{query} {condition}") if large_rows else 0
        first += size
        yield count, first
        size = _next_size(size, time.monotonic() - began)


def read_on(connection: duckdb.DuckDBPyConnection, start: Position, seconds: float) -> Position | None:
    """Read from a position on for some seconds, one part at least; return where to go on, None at the end of the last table."""
    until = time.monotonic() + seconds
    for table in tables(connection):
        if table < start.table:
            continue
        for _, row in parts(connection, table, start.row if table == start.table else 0):
            if time.monotonic() >= until:
                return Position(table, row)
    return None


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    ((count, _),) = connection.execute(query).fetchall()
    return int(count)


def _large(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    ((before,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    connection.execute(f"SET memory_limit = '{_LARGE_ROW}'")
    try:
        return _count(connection, query)
    finally:
        connection.execute(f"SET memory_limit = '{before}'")


def _next_size(size: int, seconds: float) -> int:
    if seconds < _SHORT_SECONDS:
        return min(2 * size, _MOST_ROWS)
    return max(1, size // 2) if seconds > _LONG_SECONDS else size

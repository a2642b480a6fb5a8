"""Emptying a DuckDB file: a new one takes its place in one step, so that there always is one."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from init.engines.base import first_line, not_wiped

_TABLES = """
    SELECT schema_name, table_name FROM duckdb_tables()
    WHERE NOT internal AND NOT temporary AND database_name = current_database() ORDER BY 1, 2"""


def contents(connection: duckdb.DuckDBPyConnection, without: str) -> dict[str, int]:
    """Count the rows of every table (`table`, `schema.table`) but one."""
    counts = {}
    for schema, table in connection.execute(_TABLES).fetchall():
        name = table if schema == "main" else f"{schema}.{table}"
        if name != without:
            # Within quotes, a quote is doubled.
            found = ".".join('"{}"'.format(part.replace('"', '""')) for part in (schema, table))
            ((counts[name],),) = connection.execute(f"SELECT count(*) FROM {found}").fetchall()  # noqa: S608 - quoted
    return counts


def wipe(connection: duckdb.DuckDBPyConnection, path: Path, config: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """Replace the file and its log; return a connection to the new one. Other files in the directory stay.

    The old file, and with it its lock, is given up only when the new one is in its place. WipeFailed if it cannot be.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        for left in (new, _log(new)):
            left.unlink(missing_ok=True)
        duckdb.connect(str(new), config=dict(config)).close()
        # Nothing of the old file's log is left for the new one.
        connection.execute("CHECKPOINT")
        _log(path).unlink(missing_ok=True)
        os.replace(new, path)
        connection.close()
        return duckdb.connect(str(path), config=dict(config))
    except (duckdb.Error, OSError) as error:
        raise not_wiped("duckdb", first_line(error)) from None


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")

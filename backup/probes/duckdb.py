"""DuckDB: every value of every table is read, under the file's lease."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from backup.probes import Tell, failed
from backup.probes.pacing import Paced
from init.engines.base import first_line, required, retry
from init.engines.duckdb_lease import Lease
from init.engines.duckdb_reading import parts, tables

_ENGINE = "duckdb"
_LEASE_SECONDS = 10.0
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "memory_limit": "192MB",
    "threads": 1,
}


def probe(connection: Mapping[str, Any], progress: Tell) -> str:
    """Open the file for reading and read all of it."""
    path = Path(required(connection, "path", str))
    if not path.exists():
        raise failed(_ENGINE, f"{path} does not exist")
    lease = Lease(path, "ai-karen probe", seconds=_LEASE_SECONDS)
    try:
        opened = retry(
            lambda: duckdb.connect(str(path), True, _CONFIG),
            engine=_ENGINE,
            transient=lambda error: (
                isinstance(error, duckdb.IOException) and "could not set lock" in str(error).lower()
            ),
            fix="end the process that holds the file, or let it close its connection",
            seconds=_LEASE_SECONDS,
            trouble="still in use",
        )
        with opened:
            return _read(opened, Paced(progress, _ENGINE))
    except duckdb.Error as error:
        raise failed(_ENGINE, first_line(error)) from None
    finally:
        lease.release()


def _read(opened: duckdb.DuckDBPyConnection, tell: Paced) -> str:
    found, rows = tables(opened), 0
    for number, table in enumerate(found, start=1):
        try:
            for count, _ in parts(opened, table, large_rows=True):
                rows += count
                tell(f"{number - 1} of {len(found)} tables read, {rows} rows")
        except duckdb.Error as error:
            raise failed(_ENGINE, f"the table {table.quoted}: {first_line(error)}") from None
    return f"{rows} rows in {len(found)} tables read" if found else "no tables"

"""DuckDB: every value of every table is read, under the file's lease."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from backup.probes import Tell, failed
from backup.probes.pacing import Paced
from init.engines.base import first_line, required, retry
from init.engines.duckdb_lease import Lease

_ENGINE = "duckdb"
_LEASE_SECONDS = 10.0
_TABLES = "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary ORDER BY 1, 2"
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
    tables, rows = opened.execute(_TABLES).fetchall(), 0
    for number, names in enumerate(tables, start=1):
        table = ".".join('"' + name.replace('"', '""') + '"' for name in names)
        found = opened.execute(f"SELECT count(*), bit_xor(hash(t)) FROM {table} AS t").fetchone()  # noqa: S608 - quoted
        rows += found[0] if found else 0
        tell(f"{number} of {len(tables)} tables read")
    return f"{rows} rows in {len(tables)} tables read" if tables else "no tables"

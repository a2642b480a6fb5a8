"""Where DuckDB's file is."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from database.settings.fields import EngineSettings, Memory, Seconds, named


class DuckDBSettings(EngineSettings):
    """A file, and how long to wait for others that have it open; times in seconds."""

    enabled: bool = named("ENABLE_DUCKDB", default=True)
    path: Path = named("DUCKDB_PATH", "DUCKDB_DATABASE", default=Path("/data/duckdb/kari_duckdb.db"))
    backup_path: Path | None = named("DUCKDB_BACKUP_PATH", default=None)
    # For the file's lease, and for an answer.
    lease_timeout: Seconds = named("DUCKDB_LEASE_TIMEOUT", default=10.0)
    timeout: Seconds = named("DUCKDB_TIMEOUT", default=60.0)
    memory_limit: Memory = named("DUCKDB_MEMORY_LIMIT", default="256MB")
    threads: Annotated[int, Field(ge=1, le=256)] = named("DUCKDB_THREADS", default=2)

"""A DuckDB file, opened so that nobody else has it: under its lease, and by DuckDB's own lock."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from init.engines.base import first_line, required, retry
from init.engines.duckdb_lease import Lease
from init.protocol import Failure

_HOLDER = "ai-karen-backup"
_PATIENCE_SECONDS = 30.0
# Of what is only read and summed; values come on top of it.
_READING: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "96MB"}
# As the driver opens it: what is written so can be read by applications that come with an older library.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "storage_compatibility_version": "v1.0.0",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "memory_limit": "256MB",
    "threads": 1,
}


def location(connection: Mapping[str, Any]) -> Path:
    """Return the file's path; Failure if its directory is not there."""
    path = Path(required(connection, "path", str))
    if not path.parent.is_dir():
        raise Failure("ConnectionFailed", f"duckdb: {path.parent} is no directory", "mount the DuckDB volume there")
    return path


@contextmanager
def leased(connection: Mapping[str, Any]) -> Iterator[Path]:
    """Hold the file's lease; ConnectionFailed names who has it after 30 s (`lock_seconds`)."""
    path = location(connection)
    lease = Lease(path, _HOLDER, seconds=_patience(connection))
    try:
        yield path
    finally:
        lease.release()


def opened(
    connection: Mapping[str, Any], path: Path, *, read_only: bool, staging: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """Open a file, waiting as long for a process that has it without the lease; ConnectionFailed has DuckDB's word who."""
    config = {**_CONFIG, **(_READING if read_only else {})}
    if staging:
        config["temp_directory"] = str(staging / "spilled")
    return retry(
        lambda: duckdb.connect(str(path), read_only, config),
        engine="duckdb",
        transient=lambda error: isinstance(error, duckdb.IOException) and "could not set lock" in str(error).lower(),
        fix="end the process that holds the file, or let it close its connection",
        seconds=_patience(connection),
        trouble="still in use",
    )


def damaged(what: str, error: Exception, fix: str) -> Failure:
    """Return the failure of a file that DuckDB cannot read."""
    return Failure("Damaged", f"duckdb: {what} cannot be read: {first_line(error)}", fix)


def log_of(path: Path) -> Path:
    """Return the path of a file's write-ahead log."""
    return path.with_name(f"{path.name}.wal")


def adopt(new: Path, old: Path) -> None:
    """Give a new file the mode and the owner of an old one, or the owner of the directory where there is none."""
    model = old if old.exists() else old.parent
    if old.exists():
        shutil.copymode(old, new)
    if os.geteuid() == 0:
        facts = model.stat()
        os.chown(new, facts.st_uid, facts.st_gid)


def sync(directory: Path) -> None:
    """Have the disk keep what a directory lists."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _patience(connection: Mapping[str, Any]) -> float:
    return float(connection.get("lock_seconds", _PATIENCE_SECONDS))

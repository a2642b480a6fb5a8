"""DuckDB: a copy of the checkpointed file, made while nobody else has it, and opened and summed before it counts.

A logical export is not faithful in DuckDB 2.0, as was measured: EXPORT DATABASE writes a view before the view it selects from
(IMPORT then fails), COPY FROM DATABASE ends with an internal error where a type uses another one, and changes `rowid`. The file
has everything: values, sequences as they stand, comments, macros, indexes.
"""

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import duckdb

from backup.engines.base import Part, Sink, Source, Task, compared
from backup.engines.duckdb_file import adopt, damaged, leased, location, log_of, opened, sync
from backup.engines.duckdb_sums import Sums, summarize
from backup.model import Taken
from init.engines import load
from init.engines.base import first_line
from init.migrations import schema_version
from init.protocol import Failure

_FILE = "database.duckdb"
_CHUNK = 1024 * 1024
_PROGRESS_SECONDS = 1.0
_MEGABYTE = 1_000_000
_ANOTHER = "restore another set"


class DuckDB(Part):
    """One file. `<path>.restoring` is what a load has put beside it, `<path>.restoring.set` names the set it is of.

    `<path>.restoring.log` is the log of what is about to be replaced, where nobody could write it into that.

    `details` of what is taken: the file's `bytes` and `sha256`.
    """

    def back_up(self, connection: Mapping[str, Any], sink: Sink, task: Task) -> Taken:
        """Copy the file under its lease, give it back, then read the copy and stream it; Failure says who holds the file."""
        copy = task.staging / _FILE
        began, ended = _copy(connection, copy, task)
        counts, checksums = _summed(connection, copy, task.staging, "the file", task.progress)
        with copy.open("rb") as stream, sink.file(_FILE) as stored:
            sha256 = _pour(stream, stored, task.progress)
        return Taken(
            tool="duckdb CHECKPOINT",
            server_version=duckdb.__version__,
            schema_version=_schema_version(copy),
            counts=counts,
            checksums=checksums,
            began=began,
            ended=ended,
            details={"bytes": copy.stat().st_size, "sha256": sha256},
        )

    def load(self, connection: Mapping[str, Any], source: Source, taken: Taken, task: Task) -> None:
        """Write the file beside the one that is there, open it and compare it."""
        path, what = location(connection), f"{_FILE} of set {task.set_id}"
        new, mark, _ = _beside(path)
        self.discard(connection, task)
        try:
            with source.file(_FILE) as stored, new.open("xb") as stream:
                sha256 = _pour(stored, stream, task.progress)
                os.fsync(stream.fileno())
            if sha256 != taken.details["sha256"]:
                raise Failure("Damaged", f"duckdb: {what} is not what was taken: its SHA-256 differs", _ANOTHER)
            _compare(_summed(connection, new, task.staging, what, task.progress), taken, what)
            mark.write_text(task.set_id, encoding="utf-8")
            sync(path.parent)
        except OSError as error:
            raise _unwritable(path, error) from None

    def exchange(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Rename the loaded file over the one that is there, whose log is removed, while nobody else has it."""
        with leased(connection) as path:
            new, mark, log = _beside(path)
            found = mark.read_text(encoding="utf-8") if mark.exists() else ""
            if found != task.set_id:
                raise Failure(
                    "RestoreFailed",
                    f"duckdb: what is loaded is {f'of set {found}' if found else 'not complete'}, not set {task.set_id}",
                    f"restore set {found or task.set_id} again, from the beginning",
                )
            if not new.exists():
                return
            adopt(new, path)
            held = _held(connection, path)
            try:
                if held:
                    log_of(path).unlink(missing_ok=True)
                elif log_of(path).exists():
                    log_of(path).replace(log)
                new.replace(path)
                log.unlink(missing_ok=True)
                sync(path.parent)
            except OSError as error:
                raise _unwritable(path, error) from None
            finally:
                if held:
                    held.close()

    def give_up(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> bool:
        """Remove what was loaded; once it has been renamed over what was there, it stays."""
        new, mark, _ = _beside(location(connection))
        if mark.exists() and not new.exists():
            return False
        self.discard(connection, task)
        return True

    def finish(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Compare the file in its place with what was taken, and forget that it was restored."""
        with leased(connection) as path:
            if not path.exists():
                raise Failure("RestoreFailed", f"duckdb: {path} does not exist", "restore the set again")
            found = _summed(connection, path, task.staging, "the file", task.progress)
            compared(connection, lambda: _compare(found, taken, "the restored file"), task)
            for left in _beside(path):
                left.unlink(missing_ok=True)

    def discard(self, connection: Mapping[str, Any], task: Task) -> None:
        """Remove the loaded file; without its mark it is none that could be put in place."""
        path = location(connection)
        new, mark, log = _beside(path)
        if new.exists() and log.exists() and not log_of(path).exists():
            log.replace(log_of(path))
        for left in (log, mark, new):
            left.unlink(missing_ok=True)

    def summarize(self, connection: Mapping[str, Any]) -> Sums:
        """Count and sum every table, the ledger included."""
        with leased(connection) as path:
            return _summed(connection, path, None, "the file")


def _copy(connection: Mapping[str, Any], copy: Path, task: Task) -> tuple[float, float]:
    """Write the log into the file and copy it; return the Unix seconds in which it was held, so that nobody wrote."""
    with leased(connection) as path:
        if not path.exists():
            raise Failure(
                "ConnectionFailed", f"duckdb: {path} does not exist", "run pulumi up --refresh, which creates it"
            )
        try:
            held = opened(connection, path, read_only=False)
        except duckdb.Error as error:
            raise damaged(str(path), error, "restore the newest set: ./karen backup restore --only duckdb") from None
        try:
            began = time.time()
            held.execute("CHECKPOINT")
            # Closing the file ends DuckDB's lock, as locks are the process's: nothing is done with it afterwards.
            with path.open("rb") as stream, copy.open("wb") as to:
                _pour(stream, to, task.progress)
            return began, time.time()
        except duckdb.Error as error:
            raise damaged(str(path), error, "restore the newest set: ./karen backup restore --only duckdb") from None
        finally:
            held.close()


def _held(connection: Mapping[str, Any], path: Path) -> duckdb.DuckDBPyConnection | None:
    """Open what is about to be replaced, so that nobody is in it; None where there is nothing, or nothing that can be opened."""
    if not path.exists():
        return None
    try:
        held = opened(connection, path, read_only=False)
        held.execute("CHECKPOINT")
    except duckdb.Error:
        return None
    return held


def _summed(
    connection: Mapping[str, Any],
    path: Path,
    staging: Path | None,
    what: str,
    progress: Callable[[str], None] = lambda _: None,
) -> Sums:
    try:
        with opened(connection, path, read_only=True, staging=staging) as database:
            return summarize(database, progress)
    except duckdb.OutOfMemoryException as error:
        raise Failure("OutOfMemory", f"duckdb: {what}: {first_line(error)}", "shorten its largest values") from None
    except duckdb.Error as error:
        raise damaged(what, error, _ANOTHER) from None


def _compare(found: Sums, taken: Taken, what: str) -> None:
    """Compare counts and, between equal versions of DuckDB (another may write a value's text otherwise), sums."""
    counts, checksums = found
    same = taken.server_version == duckdb.__version__
    for name in sorted(taken.counts.keys() | counts.keys()):
        rows, expected = counts.get(name), taken.counts.get(name)
        if rows != expected:
            difference = f"{rows} rows instead of {expected}"
        elif same and checksums[name] != taken.checksums[name]:
            difference = f"other contents in {rows} rows"
        else:
            continue
        raise Failure("RestoreDiffers", f"duckdb: {what} has {difference} in {name}", "restore the set again")


def _pour(stream: IO[bytes], into: IO[bytes], progress: Callable[[str], None]) -> str:
    """Copy a stream; return its SHA-256."""
    digest, done, told = hashlib.sha256(), 0, time.monotonic()
    while chunk := stream.read(_CHUNK):
        into.write(chunk)
        digest.update(chunk)
        done += len(chunk)
        if time.monotonic() - told > _PROGRESS_SECONDS:
            told = time.monotonic()
            progress(f"{done // _MEGABYTE} MB")
    into.flush()
    return digest.hexdigest()


def _schema_version(copy: Path) -> str:
    driver = load("duckdb")
    driver.connect({"path": str(copy)})
    try:
        return schema_version(driver.ledger())
    finally:
        driver.close()


def _beside(path: Path) -> tuple[Path, Path, Path]:
    new, mark, log = (path.with_name(f"{path.name}.restoring{end}") for end in ("", ".set", ".log"))
    return new, mark, log


def _unwritable(path: Path, error: OSError) -> Failure:
    return Failure(
        "RestoreFailed",
        f"duckdb: {path.parent} cannot be written: {error.strerror}",
        "make room there, then restore again",
    )


PART = DuckDB()

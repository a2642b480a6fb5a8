"""pg_dump and pg_restore, as child processes that read from and write to our streams."""

import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from psycopg.conninfo import make_conninfo

from backup.engines.postgres_tools import Say, credentials, failed, server, stream
from init.protocol import Failure

TOOL = "pg_dump 17"
_CHUNK = 1 << 20
_SAY_SECONDS = 2.0
_MEGABYTE = 1_000_000


def dump(connection: Mapping[str, Any], snapshot: str, into: IO[bytes], directory: Path, say: Say) -> int:
    """Stream a dump of the connection's database as of a snapshot, and return its bytes; Failure with the tool's last line.

    What it holds is compressed by us; subscriptions are left out, which have credentials of their own.
    """
    command = [
        *("pg_dump", "--format=custom", "--compress=none", f"--snapshot={snapshot}", "--no-password"),
        *("--no-subscriptions", "--lock-wait-timeout=60s", *server(connection), _database(connection)),
    ]
    name = connection["database"]
    return stream(command, connection, into, directory, lambda done: say(f"{name}: {done / _MEGABYTE:.0f} MB"))


def restore(connection: Mapping[str, Any], source: IO[bytes], directory: Path, say: Say) -> None:
    """Load a dump into the connection's database, which is empty; Failure `RestoreFailed` with the tool's last line."""
    command = [
        *("pg_restore", "--exit-on-error", "--no-tablespaces", "--no-password"),
        *(*server(connection), _database(connection)),
    ]
    with credentials(connection, directory) as environment, tempfile.TemporaryFile(dir=directory) as log:
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log, pipesize=_CHUNK
        ) as process:
            assert process.stdin is not None
            try:
                _feed(process.stdin, source, say)
                _wait(process, say)
            except BaseException:
                process.kill()
                # What is still to be written nobody reads.
                with suppress(BrokenPipeError):
                    process.stdin.close()
                raise
        if process.returncode:
            told = failed("pg_restore", log)
            raise Failure("RestoreFailed", told.message, "look at the PostgreSQL container's log, and restore again")


def _feed(into: IO[bytes], source: IO[bytes], say: Say) -> None:
    """Write all of a source, whose checksum is compared at its end, whether or not it is still being read."""
    done, said = 0, time.monotonic()
    reading = True
    while chunk := source.read(_CHUNK):
        done += len(chunk)
        if reading:
            try:
                into.write(chunk)
            except BrokenPipeError:
                reading = False
        if time.monotonic() - said >= _SAY_SECONDS:
            say(f"{done / _MEGABYTE:.0f} MB loaded")
            said = time.monotonic()
    with suppress(BrokenPipeError):
        into.close()


def _wait(process: "subprocess.Popen[bytes]", say: Say) -> None:
    """Wait until indexes are built and views are refreshed."""
    began = time.monotonic()
    while True:
        try:
            process.wait(_SAY_SECONDS)
            return
        except subprocess.TimeoutExpired:
            say(f"indexes and constraints are made for {time.monotonic() - began:.0f} s")


def _database(connection: Mapping[str, Any]) -> str:
    """Return the option that names the database; quoted, for a name with a sign of equality would be a whole address."""
    return f"--dbname={make_conninfo(dbname=connection['database'])}"

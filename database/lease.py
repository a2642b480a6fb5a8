"""The lease of DuckDB's file: a lock beside it, which migrations, backups and applications all take before they open it.

DuckDB itself lets one writer in, or many readers, and names others by a process number, which means nothing in another
container. What is shared with the others is the file beside: `<database>.lease`, locked with flock, and who holds it in JSON.
"""

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from database.errors import FileInUse, MissingObject, PermissionDenied

SUFFIX = ".lease"
_ENGINE = "duckdb"
_FIRST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 0.1


class Lease:
    """One file's lease for one process: taken by one writer, or shared by readers."""

    def __init__(self, database: Path, holder: str, *, seconds: float) -> None:
        self._path = database.with_name(database.name + SUFFIX)
        self._holder = holder
        self._seconds = seconds
        # Who waits here keeps later ones of this process from going first, so that readers cannot starve a writer.
        self._queue = threading.Lock()

    @contextmanager
    def held(self, operation: str, *, writing: bool) -> Iterator[None]:
        """Hold it for a while; FileInUse names who has it when one has waited too long."""
        deadline = time.monotonic() + self._seconds
        descriptor = self._open(operation)
        try:
            if not self._queue.acquire(timeout=self._seconds):
                raise self._held_by_another(operation)
            try:
                self._take(descriptor, operation, deadline, writing=writing)
            finally:
                self._queue.release()
            self._sign(descriptor, "writing" if writing else "reading")
            yield
        finally:
            # By closing alone it would last as long as any process that was forked meanwhile.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _open(self, operation: str) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
        except FileNotFoundError:
            told = f"{self._path.parent} does not exist"
            raise MissingObject(told, _ENGINE, operation, "correct DUCKDB_PATH, or mount the volume there") from None
        except PermissionError:
            pass
        try:
            # Who may only read there takes it all the same, but cannot say who it is.
            return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            told = f"{self._path} cannot be opened: {error.strerror}"
            raise PermissionDenied(told, _ENGINE, operation, "give the process the right to the directory") from None

    def _take(self, descriptor: int, operation: str, deadline: float, *, writing: bool) -> None:
        kind = fcntl.LOCK_EX if writing else fcntl.LOCK_SH
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() + pause > deadline:
                    raise self._held_by_another(operation) from None
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            else:
                return

    def _sign(self, descriptor: int, purpose: str) -> None:
        taken = {
            "holder": f"{self._holder} ({purpose})",
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(taken).encode(), 0)

    def _held_by_another(self, operation: str) -> FileInUse:
        try:
            taken = json.loads(self._path.read_text(encoding="utf-8"))
            by = f"{taken['holder']} since {taken['since']}"
        except (OSError, ValueError, KeyError):
            by = "somebody who has not said who it is"
        told = f"the file is still in use after {self._seconds:g} s: {self._path.name} is held by {by}"
        return FileInUse(told, _ENGINE, operation, "wait for it to end, or raise DUCKDB_LEASE_TIMEOUT")

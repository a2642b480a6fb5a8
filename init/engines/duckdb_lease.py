"""The lease of a DuckDB file: a lock beside it that says who has it open.

DuckDB itself lets one process in and tells the others a process number, which means nothing in another container. Every
opener of ours takes the lease first, waits a bounded time for it, and can name who has it.
"""

import fcntl
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from init.engines.base import retry

SUFFIX = ".lease"


class Lease:
    """A file lock, gone with its process."""

    def __init__(self, database: Path, holder: str, *, seconds: float, read_only: bool = False) -> None:
        """Take the lease of `database`; ConnectionFailed names its holder after `seconds`.

        Who may only read there takes it all the same, but cannot say who he is.
        """
        self._path = database.with_name(database.name + SUFFIX)
        flags = os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT
        self._descriptor = os.open(self._path, flags | os.O_CLOEXEC, 0o664)
        try:
            retry(
                self._take,
                engine="duckdb",
                transient=lambda error: isinstance(error, BlockingIOError),
                fix="wait for it to end, or end it",
                seconds=seconds,
                trouble="still in use",
            )
        except BaseException:
            os.close(self._descriptor)
            raise
        if read_only:
            return
        taken = {"holder": holder, "since": datetime.now(UTC).isoformat(timespec="seconds")}
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(taken).encode(), 0)

    def release(self) -> None:
        """Give the lease back."""
        os.close(self._descriptor)

    def _take(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"{self._path.name} is held by {self._holder()}") from None

    def _holder(self) -> str:
        try:
            taken = json.loads(self._path.read_text(encoding="utf-8"))
            return f"{taken['holder']} since {taken['since']}"
        except (OSError, ValueError, KeyError):
            return "somebody who has not said who it is"

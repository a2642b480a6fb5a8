"""One at a time: who makes, prunes or reads sets has the target for itself, until it ends or dies."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from typing import IO, Any, Protocol

from backup.targets.base import Target
from init.protocol import Failure

# Beside the sets; no target lists it.
NAME = ".lock"
_PAUSE_SECONDS = 0.2
# Asked again before every step that must not be taken without the lock; raises where it was lost.
Guard = Callable[[], None]


class Lockable(Target, Protocol):
    """A target that can be had exclusively."""

    def locked(self, holder: str, wait_seconds: float) -> AbstractContextManager[Guard]:
        """Have it until the context ends; Failure `Locked` says who has it since when. `holder` is a few words for people."""


def taken(target: object, found: dict[str, Any], waited: float) -> Failure:
    """Return the failure for a lock that another one has; `found` is what stands in it."""
    who = found.get("holder") or "somebody"
    since = f" since {found['since']}" if found.get("since") else ""
    return Failure("Locked", f"{target}: {who} has it{since}; waited {waited:.0f} s", "wait until that has ended")


def claim(holder: str) -> dict[str, str]:
    """Return what stands in a lock."""
    return {"holder": holder, "since": datetime.now(UTC).isoformat(timespec="seconds")}


def patiently(attempt: Callable[[], dict[str, Any] | None], target: object, wait_seconds: float) -> None:
    """Repeat `attempt` until it returns None; it returns what stands in the lock while another one has it."""
    began = time.monotonic()
    while (found := attempt()) is not None:
        if time.monotonic() - began >= wait_seconds:
            raise taken(target, found, time.monotonic() - began)
        time.sleep(_PAUSE_SECONDS)


@contextmanager
def file_lock(handle: int, target: object, holder: str, wait_seconds: float) -> Iterator[Guard]:
    """Have an open file exclusively among all processes of this machine, and close it in the end.

    The kernel gives it back when its holder dies.
    """
    with os.fdopen(handle, "r+b", buffering=0) as file:
        patiently(lambda: _flock(file), target, wait_seconds)
        # A disk that is full must not keep anybody from making room: the lock holds without its text.
        with suppress(OSError):
            file.truncate(0)
            file.write(json.dumps(claim(holder)).encode())
        try:
            yield lambda: None
        finally:
            file.truncate(0)


def _flock(file: IO[bytes]) -> dict[str, Any] | None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            return dict(json.loads(os.pread(file.fileno(), 1000, 0)))
        except ValueError:
            # It is just being written.
            return {}
    return None

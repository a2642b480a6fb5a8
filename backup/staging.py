"""Directories for what is on its way: the kernel's lock tells one that is in use from one that a killed job has left."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "task-"


@contextmanager
def staged(root: str) -> Iterator[Path]:
    """Provide an empty directory below `root`, where temporary files are without one; gone afterwards.

    What killed jobs have left below `root` is removed first.
    """
    if root:
        sweep(root)
    path, lock = _made(root)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def sweep(root: str) -> list[str]:
    """Remove the directories below `root` that nobody uses any more, and return their names."""
    removed = []
    for path in sorted(Path(root).glob(f"{_PREFIX}*")):
        # Another user's, or just being removed by somebody else.
        with suppress(OSError):
            lock = _locked(path)
            if lock is None:
                continue
            try:
                shutil.rmtree(path)
                removed.append(path.name)
            finally:
                os.close(lock)
    return removed


def _made(root: str) -> tuple[Path, int]:
    """Make a directory that is locked; one that a sweep has taken before its lock was there is left to that."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root or None))
        lock = _locked(path)
        if lock is not None:
            return path, lock


def _locked(path: Path) -> int | None:
    """Lock a directory until the descriptor is closed, or its process dies; None if another one has it, or it is gone."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(lock)
        raise
    os.close(lock)
    return None

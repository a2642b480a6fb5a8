"""A sign of life in a file: the time of its modification is when the last of all parts of a service got something done."""

import os
import time
from collections.abc import Collection
from pathlib import Path

# More often says no more.
_PAUSE_SECONDS = 1.0


class Heartbeat:
    """Not there until every part has got something done; then as old as the part that has for the longest not."""

    def __init__(self, path: Path, parts: Collection[str]) -> None:
        """Remove what an earlier process has left; OSError if nothing can be written there."""
        path.touch()
        path.unlink()
        self._path = path
        self._parts = frozenset(parts)
        self._done: dict[str, float] = {}
        self._told = float("-inf")

    def beat(self, part: str) -> None:
        """Note that a part has got something done."""
        now = time.monotonic()
        self._done[part] = now
        if now - self._told < _PAUSE_SECONDS or not self._parts <= self._done.keys():
            return
        self._told = now
        oldest = time.time() - (now - min(self._done.values()))
        self._path.touch()
        os.utime(self._path, (oldest, oldest))

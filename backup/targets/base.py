"""Where sets lie: a directory (a volume, a mounted disk) or a bucket. Paths are relative and use slashes."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Protocol


@dataclass(frozen=True, kw_only=True)
class Item:
    """One file on a target: its path, its size in bytes, and when it was written (Unix seconds)."""

    path: str
    size: int
    modified: float


class Target(Protocol):
    """A place for files. What it cannot do is raised as `init.protocol.Failure`: `TargetFull`, `TargetFailed`, `NotFound`."""

    def write(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """Return a stream; the file is there, whole and synced, when the context ends, and not at all after an exception."""

    def read(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """Return a stream; Failure `NotFound` if there is no such file."""

    def items(self, prefix: str = "") -> Iterator[Item]:
        """Return every file whose path begins so, sorted by path; unfinished ones are not among them."""

    def remove(self, path: str) -> None:
        """Remove a file; nothing to do if it is not there."""

    def sweep(self, prefix: str = "") -> int:
        """Remove what unfinished writes have left; return how many. Only who has the target's lock may."""

    def free(self) -> int | None:
        """Return how many bytes may still be written; None where nobody can tell."""

    def __str__(self) -> str:
        """Return where it is, without secrets."""

"""A part's files as plain files in a directory, in place of the compressed and encrypted ones of a real set."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from backup.engines.base import Part, Sink, Source, Task
from backup.model import Taken


@dataclass
class Files(Sink, Source):
    """Both a sink and a source."""

    directory: Path

    @property
    def names(self) -> tuple[str, ...]:
        found = (path for path in self.directory.rglob("*") if path.is_file())
        return tuple(sorted(str(path.relative_to(self.directory)) for path in found))

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("r+b" if path.exists() else "w+b") as stream:
            yield stream


def task(staging: Path, set_id: str = "20261122-100000-abcd") -> Task:
    """A task whose staging directory is empty."""
    directory = staging / f"staging-{time.monotonic_ns()}"
    directory.mkdir(parents=True)
    return Task(set_id=set_id, staging=directory, progress=lambda _: None)


def backed_up(part: Part, connection: dict[str, str], directory: Path) -> tuple[Files, Taken]:
    """Back up into a directory; return the files, to be read, and what was told of them."""
    files = Files(directory / f"set-{time.monotonic_ns()}")
    files.directory.mkdir(parents=True)
    return files, part.back_up(connection, files, task(directory))


def restored(part: Part, connection: dict[str, str], files: Files, taken: Taken, directory: Path) -> None:
    """Restore in three steps."""
    part.load(connection, files, taken, task(directory))
    part.exchange(connection, taken, task(directory))
    part.finish(connection, taken, task(directory))

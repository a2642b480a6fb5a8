"""One engine's files of one set, as its driver sees them."""

import threading
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import IO

from backup.model import StoredFile
from backup.parts.fetching import fetch
from backup.parts.storing import store
from backup.targets.base import Target

SUFFIX = ".zst.age"
# A file system has 255 for a name, and a target needs some of them.
_NAME_BYTES = 200


class PartSink:
    """Takes an engine's files; `files` are those that are stored. Several may be written at the same time."""

    def __init__(self, target: Target, root: str, engine: str, recipient: str) -> None:
        self._target, self._root, self._engine, self._recipient = target, root, engine, recipient
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self._files: list[StoredFile] = []

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """Return what is stored, sorted by path."""
        return tuple(sorted(self._files, key=lambda file: file.path))

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        """Return a stream to write a file; ValueError if its name is taken, or none that every target can hold."""
        path = part_path(self._engine, name)
        with self._lock:
            if name in self._names:
                raise ValueError(f"{self._engine}: the part has a file {name} already")
            self._names.add(name)
        storing = store(self._target, self._root, path, self._recipient)
        try:
            with storing as stream:
                yield stream
        except BaseException:
            with self._lock:
                self._names.discard(name)
            raise
        assert storing.stored is not None
        with self._lock:
            self._files.append(storing.stored)


class PartSource:
    """Gives an engine's files."""

    def __init__(self, target: Target, root: str, engine: str, files: Sequence[StoredFile], identity: str) -> None:
        self._target, self._root, self._engine, self._identity = target, root, engine, identity
        self._files = {file.path.removeprefix(f"{engine}/").removesuffix(SUFFIX): file for file in files}

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names, sorted."""
        return tuple(sorted(self._files))

    def file(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Return a stream to read a file; KeyError if the part has none of that name."""
        return fetch(self._target, self._root, self._files[name], self._identity)


def part_path(engine: str, name: str) -> str:
    """Return where a part's file lies below its set; ValueError if the name is none that every target can hold."""
    for segment in name.split("/"):
        strange = any(unicodedata.category(letter).startswith("C") or letter == "\\" for letter in segment)
        if not segment or segment.startswith(".") or strange or len(segment.encode(errors="replace")) > _NAME_BYTES:
            raise ValueError(f"{engine}: {name!r} is no name for a file of a part")
    return f"{engine}/{name}{SUFFIX}"

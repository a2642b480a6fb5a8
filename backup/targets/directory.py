"""A directory as a target: every file is written under another name, synced, and only then renamed."""

import errno
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any

from backup.targets.base import Item
from backup.targets.locks import NAME, Guard, file_lock
from init.protocol import Failure

_BUFFER_BYTES = 1 << 20
_UNFINISHED = ".unfinished"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Directory:
    """Files below a directory that must be there: a disk that is not mounted is not written beside."""

    def __init__(self, path: Path) -> None:
        self._root = path

    def __str__(self) -> str:
        return f"directory {self._root}"

    @contextmanager
    def write(self, path: str) -> Iterator[IO[bytes]]:
        """Return a stream; the file is there, whole and synced, when the context ends, and not at all after an exception."""
        final = self._place(path)
        unfinished = final.with_name(f".{final.name}.{secrets.token_hex(4)}{_UNFINISHED}")
        with self._explained(path):
            self._make(final.parent)
            raw = _File(self, path, str(unfinished), "xb")
        # Not the stream's own context: after an exception, what is left in its buffer is not wanted.
        stream = io.BufferedWriter(raw, _BUFFER_BYTES)
        try:
            yield stream
            with self._explained(path):
                stream.flush()
                os.fsync(raw.fileno())
                raw.close()
                unfinished.rename(final)
                _sync(final.parent)
        except BaseException:
            raw.close()
            unfinished.unlink(missing_ok=True)
            raise

    @contextmanager
    def read(self, path: str) -> Iterator[IO[bytes]]:
        """Return a stream; Failure `NotFound` if there is no such file."""
        with self._explained(path):
            raw = _File(self, path, str(self._place(path)), "rb")
        with io.BufferedReader(raw, _BUFFER_BYTES) as stream:
            yield stream

    def items(self, prefix: str = "") -> Iterator[Item]:
        """Return every file whose path begins so, sorted by path; unfinished ones are not among them."""
        found = []
        for path, file in self._files(prefix):
            with suppress(FileNotFoundError):
                stat = file.stat()
                found.append(Item(path=path, size=stat.st_size, modified=stat.st_mtime))
        yield from sorted(found, key=lambda item: item.path)

    def remove(self, path: str) -> None:
        """Remove a file, and the directories that are empty without it; nothing to do if it is not there."""
        file = self._place(path)
        with self._explained(path):
            file.unlink(missing_ok=True)
            self._tidy(file.parent)

    def sweep(self, prefix: str = "") -> int:
        """Remove what unfinished writes have left, empty directories included; return how many files there were.

        Only who has the target's lock may.
        """
        count = 0
        for path, file in self._files(prefix, unfinished=True):
            with self._explained(path):
                file.unlink(missing_ok=True)
                self._tidy(file.parent)
            count += 1
        for directory, names, _ in os.walk(self._top(prefix), topdown=False):
            for name in names:
                with suppress(OSError):
                    os.rmdir(Path(directory, name))
        return count

    def free(self) -> int | None:
        """Return how many bytes may still be written."""
        with self._explained(""):
            status = os.statvfs(self._root)
        return status.f_bavail * status.f_frsize

    @contextmanager
    def locked(self, holder: str, wait_seconds: float) -> Iterator[Guard]:
        """Have the directory among all processes of this machine; Failure `Locked` says who has it since when."""
        with self._explained(NAME):
            handle = os.open(self._root / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with file_lock(handle, self, holder, wait_seconds) as guard:
            yield guard

    def trouble(self, path: str, error: OSError) -> Failure:
        """Return what an error of the file system means for who asked."""
        where = f"{self}: {path}" if path else str(self)
        if error.errno in _FULL:
            with suppress(OSError):
                status = os.statvfs(self._root)
                where += f": {status.f_bavail * status.f_frsize} bytes are free"
            fix = "make room there (./karen backup prune), or give it another target"
            return Failure("TargetFull", f"{where}: {error.strerror}", fix)
        if not self._root.is_dir():
            return Failure(
                "TargetFailed", f"{self}: there is no such directory", "make it, or mount what belongs there"
            )
        if error.errno == errno.ENOENT:
            return Failure(
                "NotFound", f"{where}: there is no such file", "name one that is there (./karen backup list)"
            )
        fix = "give the toolbox' user the right to read and write there, and look at the disk's health"
        return Failure("TargetFailed", f"{where}: {error.strerror or error}", fix)

    @contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self.trouble(path, error) from None

    def _place(self, path: str) -> Path:
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts:
            raise Failure("TargetFailed", f"{self}: {path!r} is no path below it", "give a relative path")
        return self._root.joinpath(*parts)

    def _files(self, prefix: str, *, unfinished: bool = False) -> Iterator[tuple[str, Path]]:
        """Return files with the path that they have, or would have had; those are hidden, with random letters and a mark."""
        if not self._root.is_dir():
            raise self.trouble("", FileNotFoundError(errno.ENOENT, "missing"))

        def refuse(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise self.trouble(prefix, error) from None

        for directory, _, names in os.walk(self._top(prefix), onerror=refuse):
            for name in names:
                hidden = name.endswith(_UNFINISHED)
                file = Path(directory, name)
                shown = name[1:].removesuffix(_UNFINISHED).rpartition(".")[0] if hidden else name
                path = file.with_name(shown).relative_to(self._root).as_posix()
                if hidden is unfinished and path != NAME and path.startswith(prefix):
                    yield path, file

    def _top(self, prefix: str) -> Path:
        """Return the directory that holds every file whose path begins so."""
        return self._root.joinpath(*PurePosixPath(prefix).parts[: prefix.count("/")])

    def _make(self, directory: Path) -> None:
        """Make directories below the root, and sync each into the one that holds it."""
        if directory == self._root or directory.is_dir():
            return
        self._make(directory.parent)
        directory.mkdir(exist_ok=True)
        _sync(directory.parent)

    def _tidy(self, directory: Path) -> None:
        """Remove empty directories up to the root."""
        while directory != self._root:
            try:
                directory.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                return
            directory = directory.parent


class _File(io.FileIO):
    """A file whose errors name the target."""

    def __init__(self, target: Directory, path: str, name: str, mode: str) -> None:
        self._target, self._path = target, path
        super().__init__(name, mode)

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise self._target.trouble(self._path, error) from None

    def readinto(self, buffer: Any, /) -> int:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise self._target.trouble(self._path, error) from None


def _sync(directory: Path) -> None:
    """Bring a directory's names to the disk."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

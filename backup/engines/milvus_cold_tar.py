"""A volume as an archive: every directory and file of it with its mode, summed on the way in and on the way out."""

import hashlib
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from backup.engines.base import digest
from backup.engines.volume import own, sync
from init.protocol import Failure

# What a restore has beside the data, with this in front of its names, is none of them.
DOT = "."
_CHUNK = 1 << 20
_SAY_SECONDS = 1.0
_MODE = 0o7777
Tell = Callable[[str], None]


class Sums:
    """How many files there are, their bytes, and a sum of everything's path, mode and content, in any order."""

    def __init__(self, name: str, tell: Tell, total: int | None = None) -> None:
        self.files, self.bytes, self._sum = 0, 0, 0
        self._name, self._tell, self._total = name, tell, total
        self._told = time.monotonic()

    @property
    def checksum(self) -> str:
        """Return the sum as a manifest has it."""
        return digest(self._sum)

    def directory(self, path: str, mode: int) -> None:
        """Add a directory."""
        self._sum += _number(_begun("d", path, mode))

    def file(self, path: str, mode: int, content: IO[bytes]) -> "_Summing":
        """Return a stream of the same content, which is added with `add` when it was read to its end."""
        return _Summing(content, _begun("f", path, mode), self._passed)

    def add(self, read: "_Summing") -> None:
        """Add a file that was read."""
        self.files += 1
        self._sum += _number(read.hash)

    def _passed(self, size: int) -> None:
        self.bytes += size
        if time.monotonic() - self._told >= _SAY_SECONDS:
            self._told = time.monotonic()
            of = f" of {self._total / 1e6:.0f}" if self._total else ""
            self._tell(f"{self.bytes / 1e6:.0f}{of} MB of the volume of {self._name}")


class _Summing:
    """Reads what another stream has, and hashes it."""

    def __init__(self, content: IO[bytes], found: Any, passed: Callable[[int], None]) -> None:
        self.hash, self._content, self._passed = found, content, passed

    def read(self, size: int = -1) -> bytes:
        block = self._content.read(size)
        self.hash.update(block)
        self._passed(len(block))
        return block


def pack(volume: Path, stream: IO[bytes], sums: Sums) -> None:
    """Write everything on a volume as an archive; Failure for what is neither a file nor a directory."""
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_CHUNK) as archive:
        for path in _below(volume):
            name, facts = str(path.relative_to(volume)), path.lstat()
            entry = tarfile.TarInfo(name)
            entry.mode, entry.mtime = facts.st_mode & _MODE, int(facts.st_mtime)
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise Failure("BackupFailed", f"milvus: {path} is neither a file nor a directory", "remove it")
            if path.is_dir():
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
                sums.directory(name, entry.mode)
                continue
            entry.size = facts.st_size
            with path.open("rb") as content:
                summing = sums.file(name, entry.mode, content)
                archive.addfile(entry, summing)
            sums.add(summing)


def unpack(stream: IO[bytes], into: Path, sums: Sums) -> None:
    """Unpack an archive into an empty directory, as the user that this is; Failure `Damaged` for what is no such archive."""
    directories: list[tuple[Path, int]] = []
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK) as archive:
            for entry in archive:
                path = into / _inside(entry.name)
                if entry.isdir():
                    path.mkdir(mode=0o700)
                    directories.append((path, entry.mode))
                    sums.directory(entry.name, entry.mode)
                    continue
                content = archive.extractfile(entry) if entry.isreg() else None
                if content is None:
                    raise _damaged(f"has {entry.name}, which is neither a file nor a directory")
                _write(path, entry, content, sums)
    except tarfile.TarError as error:
        raise _damaged(f"is no archive: {error}") from None
    # The stream's checksum is compared at its end.
    while stream.read(_CHUNK):
        pass
    # A directory that may not be written is made so last.
    for path, mode in reversed(directories):
        path.chmod(mode)
        sync(path)


def _write(path: Path, entry: tarfile.TarInfo, content: IO[bytes], sums: Sums) -> None:
    summing = sums.file(entry.name, entry.mode, content)
    with path.open("xb") as file:
        shutil.copyfileobj(summing, file, _CHUNK)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(entry.mode)
    os.utime(path, (entry.mtime, entry.mtime))
    sums.add(summing)


def _below(volume: Path) -> Iterator[Path]:
    """Return everything, a directory before what is in it."""
    for top in sorted(volume.iterdir()):
        if top.name in own(DOT):
            continue
        yield top
        if top.is_dir() and not top.is_symlink():
            for root, directories, files in os.walk(top, onerror=_raise):
                yield from (Path(root) / name for name in sorted([*directories, *files]))


def _raise(error: OSError) -> None:
    raise error


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise _damaged(f"has {name}, which is outside the volume")
    return path


def _begun(kind: str, path: str, mode: int) -> Any:
    return hashlib.sha256(f"{kind}\0{path}\0{mode:o}\0".encode(errors="surrogateescape"))


def _number(found: Any) -> int:
    return int.from_bytes(found.digest()[:16])


def _damaged(what: str) -> Failure:
    return Failure("Damaged", f"milvus: the archive of a volume {what}", "restore another set")

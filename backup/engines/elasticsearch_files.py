"""A repository's directory as a tar stream, and back. The server's files may be read by a job, but not changed."""

import os
import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from backup.engines.elasticsearch_server import SERVICE
from init.engines.base import first_line
from init.protocol import Failure

_BUFFER_BYTES = 1 << 20
_MEGABYTE = 1_000_000
_REPORT_SECONDS = 1.0
_FILE_MODE, _DIRECTORY_MODE = 0o644, 0o755

Progress = Callable[[str], None]


def pack(directory: Path, stream: IO[bytes], progress: Progress) -> None:
    """Write every file below a directory, in the order of their names; Failure if one cannot be read."""
    report = _Report(progress, "packed")
    try:
        paths = sorted(path for path in directory.rglob("*") if path.is_file())
        with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BUFFER_BYTES) as archive:
            for path in paths:
                member = tarfile.TarInfo(str(path.relative_to(directory)))
                with path.open("rb") as content:
                    member.size, member.mode = os.fstat(content.fileno()).st_size, _FILE_MODE
                    archive.addfile(member, content)
                # The archive would remember every member.
                archive.members.clear()  # type: ignore[attr-defined]
                report(member.size)
    except PermissionError as error:
        message = f"{SERVICE}: {error.filename} cannot be read by this job"
        raise Failure("StagingFailed", message, "let the server write with umask 022") from None


def unpack(stream: IO[bytes], directory: Path, progress: Progress) -> None:
    """Write every file of the stream below a directory, readable for the server; Failure if it is no such stream."""
    report = _Report(progress, "unpacked")
    _make(directory)
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_BUFFER_BYTES) as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                if not member.isreg() or path.is_absolute() or ".." in path.parts:
                    raise tarfile.ReadError(f"{member.name} is no file of a repository")
                _write(archive, member, directory / path)
                archive.members.clear()  # type: ignore[attr-defined]
                report(member.size)
    except tarfile.TarError as error:
        message = f"{SERVICE}: repository.tar is not whole: {first_line(error)}"
        raise Failure("Damaged", message, "restore another set") from None
    # What fills the last block belongs to the file, whose checksum is compared at its end.
    while stream.read(_BUFFER_BYTES):
        pass


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = archive.extractfile(member)
    assert content is not None
    below = len(PurePosixPath(member.name).parts) - 1
    for parent in reversed(path.parents[:below]):
        _make(parent)
    with path.open("wb") as file:
        shutil.copyfileobj(content, file, _BUFFER_BYTES)
        os.fchmod(file.fileno(), _FILE_MODE)


def _make(directory: Path) -> None:
    """Make a directory that the server may read, whatever this job's umask."""
    if not directory.is_dir():
        directory.mkdir()
        directory.chmod(_DIRECTORY_MODE)


class _Report:
    """Counts bytes, and says now and then how many."""

    def __init__(self, progress: Progress, what: str) -> None:
        self._progress, self._what = progress, what
        self._bytes, self._told = 0, time.monotonic()

    def __call__(self, size: int) -> None:
        self._bytes += size
        if time.monotonic() - self._told >= _REPORT_SECONDS:
            self._told = time.monotonic()
            self._progress(f"{SERVICE}: {self._what} {self._bytes / _MEGABYTE:.0f} MB")

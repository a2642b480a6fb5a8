"""Unpacking a base backup: files and directories below one place, whatever the archive says."""

import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from init.protocol import Failure

_CHUNK = 1 << 20
_SAY_SECONDS = 2.0


def unpack(archive: IO[bytes], into: Path, say: Callable[[str], None], *, expected: int) -> None:
    """Unpack a stream of tar into an empty directory, for its owner alone; `expected` is its bytes. Failure `Damaged`."""
    done, said = 0, time.monotonic()
    try:
        with tarfile.open(fileobj=archive, mode="r|", bufsize=_CHUNK) as entries:
            for entry in entries:
                _unpack(entries, entry, into)
                done += entry.size
                if time.monotonic() - said >= _SAY_SECONDS:
                    say(f"{done / 1e6:.0f} of {expected / 1e6:.0f} MB unpacked")
                    said = time.monotonic()
    except tarfile.TarError as error:
        raise _damaged(f"is no base backup: {error}") from None
    # The stream's checksum is compared at its end.
    while archive.read(_CHUNK):
        pass
    for name in ("PG_VERSION", "backup_label"):
        if not (into / name).is_file():
            raise _damaged(f"is no base backup: {name} is missing")


def _unpack(entries: tarfile.TarFile, entry: tarfile.TarInfo, into: Path) -> None:
    inside = PurePosixPath(entry.name)
    if inside.is_absolute() or ".." in inside.parts:
        raise _damaged(f"has {entry.name}, which is outside the data directory")
    path = into / inside
    if entry.isdir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    content = entries.extractfile(entry) if entry.isreg() else None
    if content is None:
        raise _damaged(f"has {entry.name}, which is neither a file nor a directory")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("xb") as file:
        path.chmod(0o600)
        shutil.copyfileobj(content, file, _CHUNK)


def _damaged(what: str) -> Failure:
    return Failure("Damaged", f"postgres: base.tar {what}", "restore another set")

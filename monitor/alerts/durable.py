"""Files that are complete or not there, whenever power or process ends."""

import os
from contextlib import suppress
from pathlib import Path

# What a name begins with while its file is incomplete; whoever finds one later may remove it.
INCOMPLETE = ".new-"


def replace(path: Path, content: bytes) -> None:
    """Write a file in place of what is there, and return once the disk has it; OSError leaves what was there before."""
    incomplete = path.with_name(f"{INCOMPLETE}{path.name}")
    try:
        with incomplete.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        incomplete.replace(path)
    except OSError:
        with suppress(OSError):
            incomplete.unlink(missing_ok=True)
        raise
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

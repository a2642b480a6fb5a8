"""What a restore has in the staging volume: its journal, and what it has unpacked."""

import os
import shutil
from pathlib import Path

from backup.engines.elasticsearch_server import SERVICE
from backup.engines.journal import Journal

DIRECTORY = "restores"


class StagingJournal(Journal):
    """A journal in a file of the staging volume."""

    service = SERVICE

    def __init__(self, staging: Path) -> None:
        self._path = staging / DIRECTORY / "journal.json"

    def _load(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None

    def _store(self, content: bytes) -> None:
        new = self._path.with_suffix(".new")
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def remove(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)


def sweep(staging: Path) -> None:
    """Remove what restores have unpacked."""
    for path in (staging / DIRECTORY).iterdir():
        if path.is_dir():
            shutil.rmtree(path)

"""How far a restore came, in a file of the staging volume, so that a job that was killed is taken up by the next."""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from backup.engines.elasticsearch_server import SERVICE
from init.protocol import Failure

DIRECTORY = "restores"
_FILE = "journal.json"
LOADING, LOADED, EXCHANGING, EXCHANGED = "loading", "loaded", "exchanging", "exchanged"


@dataclass
class Journal:
    """One restore. `touched`: the target's data were begun to be replaced, by this or by an earlier restore that never ended."""

    set_id: str
    state: str = LOADING
    touched: bool = False


def read(staging: Path) -> Journal | None:
    """Return the journal, None where there is none."""
    try:
        return Journal(**json.loads((staging / DIRECTORY / _FILE).read_bytes()))
    except FileNotFoundError:
        return None


def write(staging: Path, journal: Journal) -> None:
    """Replace the journal, for good, in one step."""
    path = staging / DIRECTORY / _FILE
    new = path.with_suffix(".new")
    with new.open("w") as file:
        json.dump(asdict(journal), file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def sweep(staging: Path) -> None:
    """Remove what restores have unpacked."""
    for path in (staging / DIRECTORY).iterdir():
        if path.is_dir():
            shutil.rmtree(path)


def remove(staging: Path) -> None:
    """Remove the journal."""
    (staging / DIRECTORY / _FILE).unlink(missing_ok=True)


def unfinished(journal: Journal) -> Failure:
    """Return the failure for what cannot be done while a restore is not finished."""
    message = f"{SERVICE}: the restore of set {journal.set_id} is not finished (it was {journal.state})"
    return Failure("RestoreUnfinished", message, "restore the set again")

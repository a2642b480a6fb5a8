"""What the service knows of its work, as one JSON document: commands and the monitor read it, and so does the health check."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from backup.archive_state import ArchiveState
from backup.configuration import OPERATIONS

NAME = "status.json"
SCHEMA = 1
# Several rounds of the service.
_OLD_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Running:
    """A set that is being made: why (`schedule`, `archive`), since when, and what is done right now."""

    trigger: str
    began: float
    progress: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a run. `state` is `good`, `incomplete`, `failed` or `aborted`; `reasons` are by engine, `error` is the whole run's."""

    trigger: str
    began: float
    ended: float
    state: str
    set: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, str] | None = None
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Status:
    """Everything. Times are Unix seconds.

    `next` is when a set is due, `missed` counts times that passed without one, the last of them `missed_at`; `based` is when the newest
    set began that PostgreSQL's log can be applied to.
    """

    at: float = 0.0
    schedule: str = ""
    next: float = 0.0
    missed: int = 0
    missed_at: float | None = None
    running: Running | None = None
    last: Outcome | None = None
    good: Outcome | None = None
    based: float = 0.0
    archive: ArchiveState = field(default_factory=ArchiveState)

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Status":
        """Build one from a document; ValueError if it is none of this schema."""
        try:
            if document["schema"] != SCHEMA:
                raise ValueError(f"schema is {document['schema']!r}; allowed: {SCHEMA}")
            values = {key: value for key, value in document.items() if key != "schema"}
            return cls(
                **{
                    **values,
                    "running": Running(**values["running"]) if values["running"] else None,
                    "last": _outcome(values["last"]),
                    "good": _outcome(values["good"]),
                    "archive": ArchiveState(**values["archive"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"no status: {error}") from None


def _outcome(document: Mapping[str, Any] | None) -> Outcome | None:
    return Outcome(**{**document, "removed": tuple(document["removed"])}) if document else None


def write(status: Status, directory: Path = OPERATIONS) -> None:
    """Replace the file, whole or not at all."""
    temporary = directory / f".{NAME}"
    temporary.write_text(json.dumps(status.document()), encoding="utf-8")
    os.replace(temporary, directory / NAME)


def read(directory: Path = OPERATIONS) -> Status:
    """Return what the file says; an empty one where there is none that can be read."""
    try:
        return Status.parse(json.loads((directory / NAME).read_bytes()))
    except (OSError, ValueError):
        return Status()


def is_recent(directory: Path = OPERATIONS) -> bool:
    """Whether the service has lately been at work."""
    return time.time() - read(directory).at < _OLD_SECONDS

"""What backups are told: one JSON document, the scheduler's as a file that its user alone may read, a job's in its request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from backup.retention import Keep
from init.protocol import CORRECT, Failure

# Where the stack's component puts things.
FILE = Path("/run/secrets/backup.json")
TARGET = "/target"
STAGING = "/staging/backups"
OPERATIONS = Path("/operations/backups")

_KINDS = tuple(field.name for field in fields(Keep))
_TYPES: Mapping[str, type] = {
    "stack": str, "engines": dict, "recipient": str, "signing": str, "target": dict, "schedule": str, "keep": str,
    "staging": str, "software": str,
}  # fmt: skip


def retention(text: str) -> Keep:
    """Build what is kept from `last=3,daily=7`; what is not named is 0. ValueError says what is wrong."""
    found: dict[str, int] = {}
    for part in text.split(","):
        name, _, number = part.strip().partition("=")
        if name not in _KINDS or not number.isdecimal():
            raise ValueError(f"{part.strip()!r} is not one of {', '.join(_KINDS)} with = and a number")
        if name in found:
            raise ValueError(f"{name} is there twice")
        found[name] = int(number)
    return Keep(**found)


@dataclass(frozen=True)
class Configuration:
    """One stack: its engines' connections, the keys of its sets, where they go, when they are made and which are kept.

    `recipient` is the age recipient that sets are encrypted to, `signing` the seed (base64) that they are signed with; `target` is
    as `backup.targets.open_target` takes it; `schedule` is a cron expression in UTC; `staging` is a directory for what is on its way.
    """

    stack: str
    engines: Mapping[str, Mapping[str, Any]]
    recipient: str
    signing: str
    target: Mapping[str, Any]
    schedule: str
    keep: str
    staging: str
    software: str = ""

    @cached_property
    def public(self) -> str:
        """Return the key that signatures of this stack's sets are checked with."""
        from backup.keys import Signer

        return Signer(self.signing).public

    @property
    def retention(self) -> Keep:
        """Return which sets are kept."""
        return retention(self.keep)

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Configuration":
        """Build one from a document; Failure `BadRequest` names the key that is missing, unknown or of another type."""
        for key, kind in _TYPES.items():
            if not isinstance(document.get(key, ""), kind) or (key not in document and key != "software"):
                found = f"a {type(document[key]).__name__}" if key in document else "missing"
                raise Failure("BadRequest", f"configuration.{key} is {found}; allowed: a {kind.__name__}", CORRECT)
        if unknown := sorted(set(document) - set(_TYPES)):
            raise Failure(
                "BadRequest", f"configuration has {', '.join(unknown)}; allowed: {', '.join(_TYPES)}", CORRECT
            )
        return cls(**document)

    @classmethod
    def read(cls, file: Path = FILE) -> "Configuration":
        """Read the file that the stack's component wrote."""
        document: dict[str, Any] = json.loads(file.read_bytes())
        return cls.parse(document)

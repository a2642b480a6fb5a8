"""Reading documents that this package wrote earlier, checked: a file can be broken, or of another version."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object; ValueError if it is something else."""
    if not isinstance(value, Mapping):
        raise ValueError(f"a {type(value).__name__} is no JSON object")
    return value


def text(document: Mapping[str, Any], key: str, pattern: str = "") -> str:
    """Return a text that matches the whole pattern, if there is one; ValueError otherwise."""
    value = document.get(key)
    if not isinstance(value, str) or (pattern and not re.fullmatch(pattern, value)):
        raise ValueError(f"{key} is {value!r}; allowed: {pattern or 'a text'}")
    return value


def time(document: Mapping[str, Any], key: str) -> datetime:
    """Return a time in UTC; ValueError if it is none, or has no zone."""
    value = text(document, key)
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{key} is {value!r}; allowed: an ISO 8601 time with its zone")


def iso(value: datetime) -> str:
    """Return what `time` reads: ISO 8601 in UTC, with all that a time has."""
    return value.astimezone(UTC).isoformat()

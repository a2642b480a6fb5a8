"""What migrations remove, as far as their texts tell. Pure; in doubt a person is asked."""

import json
import re
from collections.abc import Iterable, Mapping

from init.migrations import Script

_STRING_OR_COMMENT = re.compile(r"(?P<string>'(?:[^']|'')*')|--[^\n]*|/\*.*?\*/", re.DOTALL)
_DOLLAR_QUOTE = re.compile(r"\$\w*\$")
# Dropping these loses no row: they can be made again from what stays.
_HARMLESS = r"INDEX|CONSTRAINT|DEFAULT|NOT\s+NULL|VIEW|MATERIALIZED|TRIGGER|FUNCTION|EXPRESSION|IDENTITY|POLICY|RULE"
_REMOVING = re.compile(
    rf"\bDROP\b(?!\s+({_HARMLESS})\b)|\bTRUNCATE\b|(?<!\bON )\bDELETE\b|\bOR\s+REPLACE\s+TABLE\b", re.IGNORECASE
)
_REMOVE = re.compile(r"^REMOVE\s*=", re.MULTILINE)


def removes(script: Script) -> bool:
    """Whether a file removes something that may hold data."""
    if script.suffix == "sql":
        return _REMOVING.search(_without_comments(script.body)) is not None
    if script.suffix == "py":
        return _REMOVE.search(script.body) is not None
    try:
        return "remove" in json.loads(script.body)
    except ValueError:
        return False


def _without_comments(text: str) -> str:
    """Take comments out, but not what looks like one inside a string; with dollar quotes, which may hold a quote, nothing."""
    if _DOLLAR_QUOTE.search(text):
        return text
    return _STRING_OR_COMMENT.sub(lambda found: found["string"] or " ", text)


def named_by(bodies: Iterable[str], counts: Mapping[str, int]) -> dict[str, int]:
    """Return those of the counted tables, indices, collections and buckets that texts name, by themselves or by a version."""
    whole = "\n".join(bodies)
    return {name: count for name, count in counts.items() if _is_named(whole, name)}


def _is_named(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(_v\d+)?(?![\w-])", text) is not None

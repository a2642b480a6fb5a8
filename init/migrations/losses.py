"""Whether a migration removes what may hold data, as far as its text tells. Pure; in doubt it does."""

import json
import re

from init.migrations.model import Script

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

"""What the record has of a command's arguments: values of a known form, and of all others only that they were given."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

# No free text: somebody may have put anything there, and nothing is ever taken out of the record.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_VERSION = re.compile(r"\d{1,3}|latest")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.]*(Z|[+-]\d\d:?\d\d)?")
_SERVICE = re.compile("all|postgres|redis|duckdb|elasticsearch|etcd|minio|milvus|monitor|proxy|backups")
_FORMS: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(("engine", "only", "service", "services"), _SERVICE),
    **dict.fromkeys(("from", "into", "label", "names", "target", "wanted"), _NAME),
    "at": _TIME,
    "to": _VERSION,
}
_NEVER = ("json", "stack")


def recorded(arguments: Mapping[str, Any], kept: Sequence[str]) -> dict[str, Any]:
    """Return what is recorded of a command's arguments: switches, the `kept` ones that are of their form; others by name."""
    found: dict[str, Any] = {}
    withheld = []
    for name, value in sorted(arguments.items()):
        if name in _NEVER or value in (None, False, "", [], ()):
            continue
        if isinstance(value, bool | int):
            found[name] = value
        elif name in kept and _fits(name, value):
            found[name] = list(value) if isinstance(value, list | tuple) else value
        else:
            withheld.append(name)
    return {**found, **({"withheld": withheld} if withheld else {})}


def _fits(name: str, value: Any) -> bool:
    items = value if isinstance(value, list | tuple) else [value]
    return all(isinstance(item, str) and bool(_FORMS[name].fullmatch(item)) for item in items)

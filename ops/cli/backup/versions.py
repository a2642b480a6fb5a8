"""Whether the servers that are here can read what a set's servers have written, by their versions."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ops.cli.errors import Refused

_POSTGRES = "postgres"
# From how many major versions before its own a server reads a part; a newer one's it never does. Of the others, parts are not the
# servers' own files.
_OLDER = {_POSTGRES: 0.0, "redis": math.inf, "elasticsearch": 1.0}


def differences(manifest: Mapping[str, Any], engines: Iterable[str], here: Mapping[str, str]) -> tuple[str, ...]:
    """Return a sentence for each engine whose server is of another version here; Refused where that cannot read the part.

    `here` maps engines to versions as far as they are known, which may be the major one alone.
    """
    found = []
    for name in engines:
        taken = manifest["engines"][name]["taken"]
        if taken is None:
            continue
        theirs, ours = str(taken["server_version"]), here.get(name, "")
        if _numbers(theirs, ours) == _numbers(ours, theirs):
            continue
        logical = bool(taken["details"].get("logical"))
        if not _reads(math.inf if logical else _OLDER.get(name), _major(theirs), _major(ours)):
            raise Refused(
                f"{name} of {manifest['id']} was taken from version {theirs}, and here it is {ours}, which cannot read that."
                f" Nothing was touched. {_fix(name, theirs, ours, logical=logical)}"
            )
        found.append(f"{name}: the set was taken from version {theirs}, and here it is {ours}")
    return tuple(found)


def _numbers(version: str, other: str) -> list[str]:
    """Return as many numbers of a version as both have."""
    one, two = (re.findall(r"\d+", text) for text in (version, other))
    return one[: min(len(one), len(two))]


def _major(version: str) -> int:
    return int(_numbers(version, version)[0])


def _reads(older: float | None, theirs: int, ours: int) -> bool:
    return older is None or 0 <= ours - theirs <= older


def _fix(name: str, theirs: str, ours: str, *, logical: bool) -> str:
    fix = f"Fix: use a checkout whose {name} is of the major version {_major(theirs)}"
    if name == _POSTGRES and not logical and _major(theirs) < _major(ours):
        fix += ", and there make a set that any later one reads (./karen backup create --logical)"
    return f"{fix}, or name another set"

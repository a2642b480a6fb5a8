"""What Pulumi's history tells: updates, of which those that no command of the record began were made directly."""

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bootstrap import places
from ops.audit import entries
from ops.audit.current import run_of
from ops.audit.who import user_name

_SEEN = re.compile(rb'"update":"(\d+)"')
# Compressed with PULUMI_DIY_BACKEND_GZIP.
_FILE = re.compile(r"(\d+)\.history\.json(\.gz)?")
_UNREADABLE = (
    *(OSError, EOFError, zlib.error),
    *(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError),
)
# Pulumi's times are whole seconds.
_TOLERANCE_SECONDS = 1.0
# A command that was killed has no outcome: updates that begin later than this are not its own.
_LONGEST_SECONDS = 86_400.0


def directory(stack: str) -> Path:
    """Return where the local backend keeps a stack's history."""
    return places.home() / "state" / ".pulumi" / "history" / places.PROJECT / stack


def unseen(stack: str, content: bytes) -> list[dict[str, Any]]:
    """Return an entry for each update that the record's content does not have, in the order in which they were made."""
    seen = {number.decode() for number in _SEEN.findall(content)}
    found = []
    for number, path in _files(stack):
        if number in seen:
            continue
        # One that is being written, or that nobody may read, is for the next time.
        with suppress(*_UNREADABLE):
            raw = path.read_bytes()
            document = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
            found.append(_entry(number, document, path.stat().st_uid, content))
    return found


def _files(stack: str) -> Iterator[tuple[str, Path]]:
    """Yield number and file of every update; the number is the moment at which it was recorded."""
    names = ((path, path.name.removeprefix(f"{stack}-")) for path in directory(stack).glob(f"{stack}-*.history.json*"))
    found = [(match[1], path) for path, name in names if (match := _FILE.fullmatch(name))]
    yield from sorted(found, key=lambda one: int(one[0]))


def _entry(number: str, document: Mapping[str, Any], owner: int, content: bytes) -> dict[str, Any]:
    """Return an update's entry, without its settings and its message, in which anything may stand."""
    told = document.get("environment") or {}
    began, ended = float(document["startTime"]), float(document["endTime"])
    run = run_of(told.get("exec.agent"))
    known = bool(run) and _ran(run, began, ended, content)
    return {
        "event": entries.UPDATE,
        "update": number,
        "direct": not known,
        "run": run if known else "",
        "kind": str(document["kind"]),
        "result": str(document["result"]),
        "began": entries.moment(began),
        "ended": entries.moment(ended),
        "changes": {str(name): int(count) for name, count in (document.get("resourceChanges") or {}).items()},
        "commit": str(told["git.head"]) if "git.head" in told else None,
        "dirty": told["git.dirty"] == "true" if "git.dirty" in told else None,
        # Pulumi does not tell who; the file is theirs.
        "user": user_name(owner),
    }


def _ran(run: str, began: float, ended: float, content: bytes) -> bool:
    """Whether a command of the record ran while the update did: anybody may give an update any agent."""
    if not re.fullmatch("[0-9a-f]{32}", run):
        return False
    times: dict[str, float] = {}
    for line in content.splitlines():
        if run.encode() in line:
            with suppress(ValueError, KeyError, TypeError):
                found = entries.parsed(line)
                if found.get("run") == run:
                    times[found["event"]] = entries.seconds(found["at"])
    if entries.BEGIN not in times or times[entries.BEGIN] > began + _TOLERANCE_SECONDS:
        return False
    if entries.OUTCOME in times:
        return ended <= times[entries.OUTCOME] + _TOLERANCE_SECONDS
    return began <= times[entries.BEGIN] + _LONGEST_SECONDS

"""The command that is being recorded: what it does through Pulumi carries its name, what it tells is kept for its outcome."""

import uuid
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

# What of a command's document says what was changed; nothing else of it is kept.
_KEPT = (
    *("added", "changed", "engine", "engines", "good", "mismatches", "recorded", "removed", "replaced", "resumed"),
    *("reverted", "rotated", "services", "set", "sets", "target", "version"),
)
_NAMES = ("id", "engine", "service", "name")
_MOST = 100
_AGENT = "karen/"


@dataclass
class Run:
    """One command; `exit` is its exit code once it has one."""

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    exit: int = 0
    facts: dict[str, Any] = field(default_factory=dict)


CURRENT: ContextVar[Run | None] = ContextVar("audited", default=None)


def note(document: Mapping[str, Any]) -> None:
    """Keep of a document what tells what was changed; nothing happens outside a command that is recorded."""
    run = CURRENT.get()
    if run is not None:
        run.facts.update({key: _brief(document[key]) for key in _KEPT if key in document})


def agent() -> Sequence[str]:
    """Return the arguments by which Pulumi's history tells that an update belongs to the command that runs; none without one."""
    run = CURRENT.get()
    return ("--exec-agent", f"{_AGENT}{run.id}") if run is not None else ()


def run_of(told: object) -> str:
    """Return the command's id that Pulumi's history tells, empty for any other agent."""
    text = str(told or "")
    return text.removeprefix(_AGENT) if text.startswith(_AGENT) else ""


def _brief(value: Any) -> Any:
    """Return a value in short: of a described thing its name, of an engine its version as well."""
    if isinstance(value, Mapping):
        name = next((str(value[key]) for key in _NAMES if key in value), None)
        if name is None:
            return {str(key): _brief(item) for key, item in list(value.items())[:_MOST]}
        version = value.get("version")
        return f"{name} {version}" if isinstance(version, str) and version else name
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_brief(item) for item in value[:_MOST]]
    return value if isinstance(value, str | int | float | None) else str(value)

"""The result of a stack's last drill, kept on this machine; `karen status` and `karen doctor` tell its age."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.machine import home


def path(stack: str) -> Path:
    """Return the file of a stack."""
    return home() / "drills" / f"{stack}.json"


def write(stack: str, document: Mapping[str, Any]) -> None:
    """Keep a result in the place of the one before."""
    target = path(stack)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = target.with_suffix(".new")
    temporary.write_text(json.dumps(dict(document), indent=2), encoding="utf-8")
    temporary.replace(target)


def read(stack: str) -> dict[str, Any] | None:
    """Return the last result: `good`, `ended` (Unix seconds), `set`, or `error`; None before the first."""
    try:
        found = json.loads(path(stack).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"good", "ended"} <= found.keys() else None

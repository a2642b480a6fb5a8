"""Steps as Pulumi prints them, made up; and what it printed of real stacks."""

import json
from pathlib import Path
from typing import Any

from policy.graph import CONTAINER, VOLUME

_RECORDED = Path(__file__).parent / "recorded"
_LABELS = [{"label": "com.ai-karen.service", "value": "redis"}]
DATA = {"volumeName": "redis-data", "containerPath": "/data"}
SECRETS = {"volumeName": "redis-secrets", "containerPath": "/run/secrets", "readOnly": True}
INPUTS: dict[str, dict[str, Any]] = {
    CONTAINER: {"image": "sha256:" + 64 * "a", "labels": _LABELS, "volumes": [DATA, SECRETS], "memory": 64},
    VOLUME: {"name": "redis-data"},
}


def recorded(name: str) -> dict[str, Any]:
    """Return what `pulumi preview --json --show-sames` printed of a scenario, as tests/previewing.py keeps it."""
    found: dict[str, Any] = json.loads((_RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    return found


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:test::ai-karen-db::karen:stack:DatabaseStack${kind}::{name}"


def state(kind: str, name: str, /, *, protect: bool = False, **inputs: Any) -> dict[str, Any]:
    """Return a resource as a step has it; None takes an input away."""
    told = {key: value for key, value in {**INPUTS.get(kind, {}), **inputs}.items() if value is not None}
    return {"urn": urn(kind, name), "type": kind, "inputs": told, "protect": protect}


def step(operation: str, old: dict[str, Any] | None, new: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """Return a step from one state to another."""
    states = {key: value for key, value in {"oldState": old, "newState": new}.items() if value is not None}
    return {"op": operation, "urn": next(iter(states.values()))["urn"], **states, **more}


def document(*steps: dict[str, Any], told: tuple[tuple[str, str], ...] = (), **config: str) -> dict[str, Any]:
    """Return a preview's document; `told` are severity and message of its diagnostics."""
    return {
        "config": {f"ai-karen-db:{key}": value for key, value in config.items()},
        "steps": list(steps),
        "diagnostics": [{"severity": severity, "message": message} for severity, message in told],
    }

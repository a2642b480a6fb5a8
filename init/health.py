"""The `health` action: a real query to every engine, each answered for itself, in moments."""

import time
from collections.abc import Mapping
from typing import Any

from init.delegate import Delegate
from init.engines import load
from init.engines.base import required, set_patience
from init.protocol import Failure
from init.reports import ask_all
from init.runner.actions import engine_name

_PATIENCE_SECONDS = 3.0
# What is stored is read for so long at most, in which nobody else has a file.
_EXAMINE_SECONDS = 2.0
# A file that another process has open is neither down nor to be disturbed.
_IN_USE = "in use"


def health(request: Mapping[str, Any], delegate: Delegate | None = None) -> dict[str, Any]:
    """Tell of every engine its status (`healthy`, `failed`, `in use`), latency in seconds, version, or its error.

    With `contents` also what a wipe would remove.
    """
    common = {
        "action": "probe",
        "patience": request.get("patience", _PATIENCE_SECONDS),
        "contents": request.get("contents"),
    }
    requests = {
        name: {**common, "connection": {**connection, "lock_seconds": 0.0}}
        for name, connection in required(request, "engines", dict).items()
    }
    answers = ask_all(requests, probe, delegate)
    return {"engines": {name: _failed(one) if isinstance(one, Failure) else one for name, one in answers.items()}}


def _failed(failure: Failure) -> dict[str, Any]:
    return {"status": _IN_USE if _IN_USE in failure.message else "failed", "error": failure.document()}


def probe(request: Mapping[str, Any]) -> dict[str, Any]:
    """Ask one engine; neither its connection nor reading what is stored is part of the latency."""
    set_patience(float(request["patience"]))
    engine = load(engine_name(request.get("engine")))
    engine.connect({**required(request, "connection", dict), "must_exist": True})
    try:
        started = time.perf_counter()
        engine.probe()
        seconds = time.perf_counter() - started
        engine.examine(None, _EXAMINE_SECONDS)
        found: dict[str, Any] = {"contents": engine.contents()} if request.get("contents") else {}
        return {"status": "healthy", "latency": round(seconds, 4), "server_version": engine.server_version(), **found}
    finally:
        engine.close()

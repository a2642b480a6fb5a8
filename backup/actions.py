"""What a job can be asked to do about backups: the `backup` action, with a step."""

import base64
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from backup import checking, restoring, sets
from backup.becoming import become
from backup.configuration import OPERATIONS, Configuration
from backup.creating import create
from backup.model import Manifest
from backup.probes import probe_step
from backup.pruning import Decision
from backup.reconcile.step import reconcile_step
from backup.retaining import decided, retain
from backup.service import status
from backup.targets import open_target
from backup.targets.locks import Lockable
from init.engines.base import required
from init.protocol import Failure

Request = Mapping[str, Any]
_WAIT_SECONDS = 60.0


def act(request: Request) -> dict[str, Any]:
    """Do one step and return its result; as the user `become`, if there is one, with the right to read what is others'."""
    step = request.get("step")
    if step not in _STEPS:
        raise Failure("BadRequest", f"step is {step!r}; allowed: {', '.join(_STEPS)}", "send one of them")
    if "become" in request:
        become(required(request, "become", str))
    return _STEPS[str(step)](request)


def tell(line: str) -> None:
    """Write one line of progress to the job's log."""
    print(line, file=sys.stderr, flush=True)


def _create(request: Request) -> dict[str, Any]:
    state, cold = request.get("state"), request.get("cold")
    manifest = create(
        Configuration.parse(required(request, "configuration", dict)),
        trigger=str(request.get("trigger") or "manual"),
        label=str(request.get("label") or ""),
        only=list(request.get("only") or ()),
        state=base64.b64decode(state) if state else None,
        audit=request.get("audit"),
        cold={key: cold[key] for key in ("volumes", "version")} if cold else None,
        logical=bool(request.get("logical")),
        progress=tell,
    )
    return {"manifest": manifest.document()}


def _list(request: Request) -> dict[str, Any]:
    target, stack, trust = _place(request)
    return {
        "target": str(target),
        "free": target.free(),
        "sets": [_entry(one) for one in sets.listed(target, stack, trust)],
        "unfinished": sets.unfinished(target, stack),
    }


def _entry(one: sets.SetEntry) -> dict[str, Any]:
    manifest, refusal = one.manifest, one.refusal
    # What nobody believes is not told.
    facts = {key: getattr(manifest, key, None) for key in ("began", "ended", "label", "trigger", "partial", "audit")}
    engines = {name: part.taken is not None for name, part in manifest.engines.items()} if manifest else {}
    error = refusal.message if refusal else None
    return {"id": one.id, "stored": one.size, "good": one.good, "error": error, **facts, "engines": engines}


def _find(request: Request) -> dict[str, Any]:
    _, manifest = _found(request)
    return {"manifest": manifest.document()}


def _found(request: Request) -> tuple[Lockable, Manifest]:
    """Return the set that is asked for; Failure `TooLate` for one that was named and ended after `not_after` (Unix seconds)."""
    target, stack, trust = _place(request)
    moment = request.get("not_after")
    manifest = sets.find(target, stack, trust, str(request.get("set") or sets.LATEST), not_after=moment)
    if moment is not None and manifest.ended > moment:
        ended, asked = (
            datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") for at in (manifest.ended, moment)
        )
        told = f"{manifest.id} was finished at {ended}, after the moment that is asked for ({asked})"
        raise Failure("TooLate", told, "name an older set, or latest, or leave the moment out")
    return target, manifest


def _check(request: Request) -> dict[str, Any]:
    """Check a set, or the files of some of its `engines`: another's damage is in nobody's way."""
    target, manifest = _found(request)
    names = request.get("engines") or manifest.engines
    parts = {name: part for name, part in manifest.engines.items() if name in names}
    chosen = replace(manifest, engines=parts, state=None) if parts.keys() != manifest.engines.keys() else manifest
    report = checking.check(target, chosen, lambda text: tell(f"set: {text}"), request.get("identity"))
    return {"manifest": manifest.document(), "report": asdict(report)}


def _decide(request: Request) -> dict[str, Any]:
    configuration = Configuration.parse(required(request, "configuration", dict))
    return decided(configuration, wait_seconds=_WAIT_SECONDS).document()


def _prune(request: Request) -> dict[str, Any]:
    """Carry out what was decided, or nothing at all."""
    configuration = Configuration.parse(required(request, "configuration", dict))
    agreed = Decision.parse(required(request, "decision", dict))
    return retain(configuration, wait_seconds=_WAIT_SECONDS, agreed=agreed).document()


def _schedule(_request: Request) -> dict[str, Any]:
    return {"status": status.read(OPERATIONS).document() if status.is_recent(OPERATIONS) else None}


def _place(request: Request) -> tuple[Lockable, str, tuple[str, ...]]:
    """Return the target, the stack whose sets are meant, and the keys that are trusted."""
    if "target" in request:
        return open_target(request["target"]), required(request, "stack", str), tuple(required(request, "trust", list))
    configuration = Configuration.parse(required(request, "configuration", dict))
    return open_target(configuration.target), configuration.stack, (configuration.public,)


_STEPS: Mapping[str, Callable[[Request], dict[str, Any]]] = {
    "create": _create,
    "list": _list,
    "find": _find,
    "check": _check,
    "decide": _decide,
    "prune": _prune,
    "schedule": _schedule,
    "load": restoring.load,
    "recover": restoring.recover,
    "exchange": restoring.exchange,
    "finish": restoring.finish,
    "give_up": restoring.give_up,
    "discard": restoring.discard,
    "probe": probe_step,
    "reconcile": reconcile_step,
}

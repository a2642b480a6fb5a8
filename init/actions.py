"""What a job can be asked to do, and the secrets that no answer may hold."""

import io
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import IO, Any

from init import files
from init.delegate import Delegate
from init.engines.base import required
from init.protocol import CORRECT, PROTOCOL, Failure

_SECRET_KEYS = ("password", "secret", "content", "identity", "signing")
Action = Callable[[Mapping[str, Any]], dict[str, Any]]


def handle(
    request: Mapping[str, Any], delegate: Delegate | None = None, stream: IO[bytes] | None = None
) -> dict[str, Any]:
    """Do what the request asks and return the reply's result; Failure says why not.

    `delegate` shares what asks all engines; from `stream` comes the data of a request that brings some.
    """
    if request.get("protocol") != PROTOCOL:
        raise Failure("BadRequest", f"protocol is {request.get('protocol')!r}; allowed: {PROTOCOL}", CORRECT)
    started = time.perf_counter()
    name = request.get("action")
    result = _action(name, delegate, stream)(request)
    return {**result, "seconds": round(time.perf_counter() - started, 3)}


def _action(name: object, delegate: Delegate | None, stream: IO[bytes] | None) -> Action:
    # What has no use for the engines' clients, or loads them itself, does not wait for them.
    if name == "files":
        return _files
    if name == "backup":
        from backup.actions import act

        return act
    return _on_engines(name, delegate, stream)


def _on_engines(name: object, delegate: Delegate | None, stream: IO[bytes] | None) -> Action:
    from init import anchors, flushing, health, loading, reports, rotating, wiping
    from init.runner import actions as runner

    actions: dict[object, Action] = {
        "migrate": runner.migrate,
        "audit": anchors.act,
        "down": runner.revert,
        "repair": runner.correct,
        "baseline": runner.adopt,
        "confirm": runner.drop_kept,
        "change": rotating.change,
        "flush": flushing.flush,
        "grant": rotating.grant,
        "health": partial(health.health, delegate=delegate),
        "inspect": runner.look,
        "inspect-all": partial(reports.inspect_all, delegate=delegate),
        "load": partial(loading.load, stream=stream or io.BytesIO()),
        "login": rotating.login,
        "probe": health.probe,
        "refuse": rotating.refuse,
        "report": reports.report,
        "verify": partial(reports.verify, delegate=delegate),
        "wipe": wiping.wipe,
    }
    if name not in actions:
        raise Failure(
            "BadRequest", f"action is {name!r}; allowed: files, backup, {', '.join(map(str, actions))}", CORRECT
        )
    return actions[name]


def redact(error: Failure, request: Mapping[str, Any]) -> Failure:
    """Return the failure with every secret of the request taken out of its texts."""
    message, fix = error.message, error.fix
    for secret in sorted(_secrets(request), key=len, reverse=True):
        message, fix = message.replace(secret, "***"), fix.replace(secret, "***")
    return Failure(error.kind, message, fix)


def _secrets(value: object, key: str = "") -> set[str]:
    if isinstance(value, Mapping):
        return {secret for name, item in value.items() for secret in _secrets(item, str(name))}
    if isinstance(value, list):
        return {secret for item in value for secret in _secrets(item, key)}
    is_secret = isinstance(value, str) and value != "" and any(part in key for part in _SECRET_KEYS)
    return {str(value)} if is_secret else set()


def _files(request: Mapping[str, Any]) -> dict[str, Any]:
    return files.write(
        required(request, "files", list),
        request.get("owned") or [],
        seeds=request.get("seeds") or [],
        proofs=request.get("proofs") or [],
        data=request.get("data") or [],
    )

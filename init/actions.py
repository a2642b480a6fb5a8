"""What a job can be asked to do: `migrate` one engine, `report` on one, `verify` all of them, write `files`."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, cast

from init import files
from init.delegate import Delegate
from init.engines import NAMES, load
from init.engines.base import PATIENCE_SECONDS, Engine, SharedLedger, log, required, set_patience
from init.migrations import Migration, checksum, pending, schema_version
from init.protocol import PROTOCOL, Failure

_LEDGER_ENGINE = "postgres"
_SECRET_KEYS = ("password", "secret", "content")
_CORRECT = "correct the request: host and toolbox must be of one version (make images)"


def handle(request: Mapping[str, Any], delegate: Delegate | None = None) -> dict[str, Any]:
    """Do what the request asks and return the reply's result; Failure says why not. `delegate` shares a verification."""
    if request.get("protocol") != PROTOCOL:
        raise Failure("BadRequest", f"protocol is {request.get('protocol')!r}; allowed: {PROTOCOL}", _CORRECT)
    actions: dict[object, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
        "migrate": migrate,
        "verify": partial(verify, delegate=delegate),
        "report": report,
        "files": _files,
    }
    action = actions.get(request.get("action"))
    if action is None:
        raise Failure(
            "BadRequest", f"action is {request.get('action')!r}; allowed: {', '.join(map(str, actions))}", _CORRECT
        )
    started = time.perf_counter()
    return {**action(request), "seconds": round(time.perf_counter() - started, 3)}


def migrate(request: Mapping[str, Any]) -> dict[str, Any]:
    """Apply what is pending on one engine, then load its seeds; a second run finds nothing to do."""
    name = _engine_name(request.get("engine"))
    migrations = tuple(_migration(document) for document in required(request, "migrations", list))
    engine = _connect(name, required(request, "connection", dict))
    try:
        recorded = {entry.name: entry.checksum for entry in engine.ledger()}
        plan = pending(recorded, migrations)
        if plan.problems:
            raise Failure("ChecksumMismatch", "; ".join(map(str, plan.problems)), "restore the files named above")
        for migration in plan.pending:
            started = time.perf_counter()
            engine.apply(migration)
            log(name, f"applied {migration.file} in {time.perf_counter() - started:.2f} s")
        counts = engine.seed(request.get("seeds") or {})
        return {
            "engine": name,
            "server_version": engine.server_version(),
            "schema_version": schema_version([*recorded, *(migration.name for migration in plan.pending)]),
            "applied": [migration.name for migration in plan.pending],
            "counts": counts,
        }
    finally:
        engine.close()


def verify(request: Mapping[str, Any], delegate: Delegate | None = None) -> dict[str, Any]:
    """Ask every engine a real question, all at once, and bring PostgreSQL's ledger of all engines up to date."""
    connections = required(request, "engines", dict)
    expected = request.get("expected") or {}
    patience = request.get("patience", PATIENCE_SECONDS)
    requests = {
        _engine_name(name): {
            "protocol": PROTOCOL,
            "action": "report",
            "engine": name,
            "connection": connection,
            "expected": expected.get(name),
            "patience": patience,
        }
        for name, connection in connections.items()
    }
    with ThreadPoolExecutor(max_workers=max(1, len(requests))) as pool:
        delegated = delegate.engine if delegate else None
        jobs = {
            name: pool.submit(delegate.ask if delegate and name == delegated else report, one)
            for name, one in requests.items()
        }
    failures = [error for job in jobs.values() if (error := job.exception()) is not None]
    if failures:
        raise _combined(failures)
    reports = {name: job.result() for name, job in jobs.items()}
    ledgers = {name: one.pop("ledger") for name, one in reports.items()}
    if _LEDGER_ENGINE in requests:
        _mirror(requests[_LEDGER_ENGINE], ledgers, reports)
    return {"engines": reports}


def report(request: Mapping[str, Any]) -> dict[str, Any]:
    """Ask one engine a real question; its ledger is part of the answer."""
    started = time.perf_counter()
    set_patience(float(request.get("patience", PATIENCE_SECONDS)))
    name, expected = _engine_name(request.get("engine")), request.get("expected")
    engine = _connect(name, {**required(request, "connection", dict), "must_exist": True})
    try:
        ledger = engine.ledger()
        version = schema_version(entry.name for entry in ledger)
        if expected is not None and version != expected:
            raise Failure(
                "VerificationFailed",
                f"{name}: schema version is {version}, expected {expected}",
                "run pulumi up, which applies what is missing",
            )
        return {
            "counts": engine.verify(),
            "server_version": engine.server_version(),
            "schema_version": version,
            "ledger": [entry.document() for entry in ledger],
            "seconds": round(time.perf_counter() - started, 3),
        }
    finally:
        engine.close()


def _mirror(
    request: Mapping[str, Any], ledgers: Mapping[str, list[dict[str, str]]], reports: Mapping[str, dict[str, Any]]
) -> None:
    """Write the shared ledger, and count it again: what was counted is from before."""
    engine = cast(SharedLedger, _connect(_LEDGER_ENGINE, request["connection"]))
    try:
        reports[_LEDGER_ENGINE]["counts"].update(engine.mirror(ledgers, reports))
    finally:
        engine.close()


def _combined(errors: list[BaseException]) -> Failure:
    """Return one failure that names every engine that failed."""
    known = [error for error in errors if isinstance(error, Failure)]
    lines = [error.message if isinstance(error, Failure) else f"{type(error).__name__}: {error}" for error in errors]
    kind = known[0].kind if len(errors) == 1 and known else "VerificationFailed"
    return Failure(kind, "; ".join(lines), "; ".join(dict.fromkeys(error.fix for error in known)) or "see the log")


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
    return files.write(required(request, "files", list), request.get("owned") or [])


def _connect(name: str, connection: Mapping[str, Any]) -> Engine:
    engine = load(name)
    engine.connect(connection)
    return engine


def _engine_name(value: object) -> str:
    if value not in NAMES:
        raise Failure("BadRequest", f"engine is {value!r}; allowed: {', '.join(NAMES)}", _CORRECT)
    return str(value)


def _migration(document: Mapping[str, Any]) -> Migration:
    """Return a migration of the request; its body must be what its checksum says."""
    name, suffix, body, expected = (required(document, key, str) for key in ("name", "suffix", "body", "checksum"))
    if checksum(body) != expected:
        raise Failure(
            "ChecksumMismatch",
            f"{name}: the checksum sent is {expected}, the body's is {checksum(body)}",
            "run it again",
        )
    return Migration(name=name, suffix=suffix, checksum=expected, body=body)

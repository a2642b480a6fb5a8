"""What a job can be asked to do: `migrate` one engine, `verify` all of them, write `files`."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

from init import files
from init.engines import NAMES, load
from init.engines.base import Engine, SharedLedger, log, required
from init.migrations import Migration, checksum, pending, schema_version
from init.protocol import PROTOCOL, Failure

_LEDGER_ENGINE = "postgres"
_SECRET_KEYS = ("password", "secret", "access_key", "content")
_CORRECT = "correct the request: host and toolbox must be of one version (make images)"


def handle(request: Mapping[str, Any]) -> dict[str, Any]:
    """Do what the request asks and return the reply's result; Failure says why not."""
    if request.get("protocol") != PROTOCOL:
        raise Failure("BadRequest", f"protocol is {request.get('protocol')!r}; allowed: {PROTOCOL}", _CORRECT)
    actions: dict[object, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
        "migrate": migrate,
        "verify": verify,
        "files": _files,
    }
    action = actions.get(request.get("action"))
    if action is None:
        raise Failure("BadRequest", f"action is {request.get('action')!r}; allowed: {', '.join(map(str, actions))}", _CORRECT)
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


def verify(request: Mapping[str, Any]) -> dict[str, Any]:
    """Ask every engine a real question, all at once, and bring PostgreSQL's ledger of all engines up to date."""
    connections = required(request, "engines", dict)
    expected = request.get("expected") or {}
    names = [_engine_name(name) for name in connections]
    opened: dict[str, Engine] = {}
    try:
        with ThreadPoolExecutor(max_workers=max(1, len(names))) as pool:
            jobs = {name: pool.submit(_verify_one, name, connections[name], expected, opened) for name in names}
        failures = [error for job in jobs.values() if (error := job.exception()) is not None]
        if failures:
            raise _combined(failures)
        reports = {name: job.result() for name, job in jobs.items()}
        ledgers = {name: report.pop("ledger") for name, report in reports.items()}
        ledger = opened.get(_LEDGER_ENGINE)
        if ledger is not None:
            cast(SharedLedger, ledger).mirror(ledgers, reports)
        return {"engines": reports}
    finally:
        for engine in opened.values():
            with suppress(Exception):
                engine.close()


def _verify_one(
    name: str, connection: Mapping[str, Any], expected: Mapping[str, str], opened: dict[str, Engine]
) -> dict[str, Any]:
    started = time.perf_counter()
    engine = _connect(name, {**connection, "must_exist": True})
    opened[name] = engine
    ledger = engine.ledger()
    version = schema_version(entry.name for entry in ledger)
    if name in expected and version != expected[name]:
        raise Failure(
            "VerificationFailed",
            f"{name}: schema version is {version}, expected {expected[name]}",
            "run pulumi up, which applies what is missing",
        )
    return {
        "counts": engine.verify(),
        "server_version": engine.server_version(),
        "schema_version": version,
        "ledger": ledger,
        "seconds": round(time.perf_counter() - started, 3),
    }


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
            "ChecksumMismatch", f"{name}: the checksum sent is {expected}, the body's is {checksum(body)}", "run it again"
        )
    return Migration(name=name, suffix=suffix, checksum=expected, body=body)

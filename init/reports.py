"""Asking all engines at once: `verify` with a real query to each, `inspect` about their migrations."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from psycopg import errors, sql

from init.delegate import Delegate
from init.engines import load
from init.engines.base import PATIENCE_SECONDS, log, required, set_patience
from init.engines.postgres_connection import OURS, connect
from init.migrations import schema_version
from init.protocol import PROTOCOL, Failure
from init.runner.actions import engine_name, look
from init.runner.coordinator import Coordinator
from init.runner.run import Run

_COORDINATING = "postgres"
_HEALTH_TABLE = "service_health"
_HEALTH = f"""
    INSERT INTO {_HEALTH_TABLE} (service_name, status, last_check, metadata)
    SELECT key, 'healthy', now(), value FROM jsonb_each(%s::jsonb)
    ON CONFLICT (service_name) DO UPDATE
    SET status = EXCLUDED.status, last_check = EXCLUDED.last_check, metadata = EXCLUDED.metadata"""  # noqa: S608
Answer = dict[str, Any]


def verify(request: Mapping[str, Any], delegate: Delegate | None = None) -> Answer:
    """Ask every engine a real question, and tell a PostgreSQL that was made anew of all ledgers."""
    connections = required(request, "engines", dict)
    expected = request.get("expected") or {}
    common = {"action": "report", "patience": request.get("patience", PATIENCE_SECONDS)}
    requests = {
        name: {**common, "connection": connection, "expected": expected.get(name)}
        for name, connection in connections.items()
    }
    jobs = ask_all(requests, report, delegate)
    failures = [error for job in jobs.values() if (error := job.exception()) is not None]
    if failures:
        raise combined(failures, "VerificationFailed")
    reports = {name: job.result() for name, job in jobs.items()}
    ledgers = {name: one.pop("ledger") for name, one in reports.items()}
    if _COORDINATING in connections:
        _share(connections, ledgers, reports)
    return {"engines": reports}


def inspect_all(request: Mapping[str, Any], delegate: Delegate | None = None) -> Answer:
    """Tell of every engine what `inspect` tells, or why it could not be asked."""
    requests = {
        name: {**one, "action": "inspect", "coordination": required(request, "coordination", dict),
               "patience": request.get("patience"), "counts": request.get("counts")}
        for name, one in required(request, "engines", dict).items()
    }  # fmt: skip
    answers: Answer = {}
    for name, job in ask_all(requests, look, delegate).items():
        error = job.exception()
        if error is None:
            answers[name] = job.result()
        else:
            known = error if isinstance(error, Failure) else Failure("Unexpected", repr(error), "report this")
            answers[name] = {"engine": name, "error": {"kind": known.kind, "message": known.message, "fix": known.fix}}
    return {"engines": answers}


def report(request: Mapping[str, Any]) -> Answer:
    """Ask one engine a real question; its ledger is part of the answer."""
    started = time.perf_counter()
    set_patience(float(request.get("patience", PATIENCE_SECONDS)))
    name, expected = engine_name(request.get("engine")), request.get("expected")
    engine = load(name)
    engine.connect({**required(request, "connection", dict), "must_exist": True})
    try:
        ledger = engine.ledger()
        version = schema_version(ledger)
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


def ask_all(
    requests: Mapping[str, Answer], action: Callable[[Mapping[str, Any]], Answer], delegate: Delegate | None
) -> dict[str, Future[Answer]]:
    """Send each engine its request, all at once; the delegate's engine is asked in its process."""
    complete = {engine_name(name): {"protocol": PROTOCOL, "engine": name, **one} for name, one in requests.items()}
    delegated = delegate.engine if delegate else None
    with ThreadPoolExecutor(max_workers=max(1, len(complete))) as pool:
        return {
            name: pool.submit(delegate.ask if delegate and name == delegated else action, one)
            for name, one in complete.items()
        }


def _share(connections: Mapping[str, Any], ledgers: Mapping[str, list[Answer]], reports: Mapping[str, Answer]) -> None:
    """Write every engine's health, and count them again: what was counted is from before."""
    coordinator = Coordinator(connect(connections[_COORDINATING]))
    try:
        coordinator.prepare()
        for name, entries in ledgers.items():
            # Of one that it knows, the runs tell, under their lock.
            if name != _COORDINATING and entries and not coordinator.history(name):
                _adopt(name, connections[name], connections[_COORDINATING])
        try:
            coordinator.connection.execute(_HEALTH.encode(), [json.dumps(dict(reports))])
        except errors.UndefinedTable:
            # Migrations are pinned to a version without it.
            return
        for table in (OURS[0], _HEALTH_TABLE):
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            row = coordinator.connection.execute(query).fetchone()
            reports[_COORDINATING]["counts"][table] = row[0] if row else 0
    finally:
        coordinator.close()


def _adopt(name: str, connection: Mapping[str, Any], coordination: Mapping[str, Any]) -> None:
    """Tell a PostgreSQL that was made anew what an engine has, and how its schema is: nobody else knows it any more."""
    # Somebody who has the lock now tells it himself.
    with (
        suppress(Failure),
        Run.connected(name, connection, coordination, [], lock_seconds=0) as run,
        run.locked(accept=True),
    ):
        log(name, "PostgreSQL did not know of it: its ledger is mirrored, its schema taken as it is")


def combined(failures: Sequence[BaseException], kind: str) -> Failure:
    """Return one failure that names every engine that failed; of a single one it keeps the kind."""
    known = [error for error in failures if isinstance(error, Failure)]
    lines = [error.message if isinstance(error, Failure) else f"{type(error).__name__}: {error}" for error in failures]
    kind = known[0].kind if len(failures) == 1 and known else kind
    return Failure(kind, "; ".join(lines), "; ".join(dict.fromkeys(error.fix for error in known)) or "see the log")

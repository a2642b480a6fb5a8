"""Asking all engines at once: `verify` with a real query to each, `inspect` about their migrations."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from psycopg import errors, sql

from init.actions import redact
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
    answers = ask_all(requests, report, delegate)
    failures = [one for one in answers.values() if isinstance(one, Failure)]
    if failures:
        raise combined(failures, "VerificationFailed")
    reports = {name: one for name, one in answers.items() if not isinstance(one, Failure)}
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
    return {
        "engines": {
            name: {"engine": name, "error": one.document()} if isinstance(one, Failure) else one
            for name, one in ask_all(requests, look, delegate).items()
        }
    }


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
) -> dict[str, Answer | Failure]:
    """Send each engine its request, all at once; return what it answered, or why it did not.

    The delegate's engine is asked in its process. No failure has a secret of the request in it.
    """
    complete = {engine_name(name): {"protocol": PROTOCOL, "engine": name, **one} for name, one in requests.items()}
    delegated = delegate.engine if delegate else None

    def ask(name: str, one: Answer) -> Answer | Failure:
        try:
            return delegate.ask(one) if delegate and name == delegated else action(one)
        except Failure as failure:
            return redact(failure, one)
        except Exception as error:  # noqa: BLE001 - one engine's trouble is no other's
            told = f"{name}: {type(error).__name__}: {error}"
            return redact(Failure("Unexpected", told, "look at the server's log, or report this"), one)

    with ThreadPoolExecutor(max_workers=max(1, len(complete))) as pool:
        return dict(zip(complete, pool.map(ask, complete, complete.values()), strict=True))


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
    try:
        with Run.connected(name, connection, coordination, [], lock_seconds=0) as run, run.locked(accept=True):
            log(name, "PostgreSQL did not know of it: its ledger is mirrored, its schema taken as it is")
    except Failure as failure:
        # Somebody who has the lock now tells it himself.
        if failure.kind != "Locked":
            raise


def combined(failures: Sequence[Failure], kind: str) -> Failure:
    """Return one failure that names every engine that failed; of a single one it keeps the kind."""
    fixes = dict.fromkeys(failure.fix for failure in failures)
    messages = "; ".join(failure.message for failure in failures)
    return Failure(failures[0].kind if len(failures) == 1 else kind, messages, "; ".join(fixes))

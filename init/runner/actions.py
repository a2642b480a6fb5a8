"""What a job can be asked to do about one engine's migrations."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from init.engines import NAMES, load
from init.engines.base import required, set_patience
from init.migrations import LedgerEntry, Migration, schema_version
from init.migrations.wire import from_document
from init.protocol import CORRECT, Failure
from init.runner.down import down
from init.runner.inspect import inspect
from init.runner.lock import WAIT_SECONDS
from init.runner.name import runner_name
from init.runner.repair import baseline, confirm, repair
from init.runner.run import Run
from init.runner.up import up


def migrate(request: Mapping[str, Any]) -> dict[str, Any]:
    """Apply what is pending, load the seeds, and give accounts their rights; a second run finds nothing to do."""
    if not required(request, "migrations", list):
        return _without_migrations(request)
    with _run(request) as run:
        applied = up(run, request.get("target"))
        counts = run.driver.seed(request.get("seeds") or {})
        run.driver.grant(request.get("accounts") or ())
        return {**_state(run), "applied": _documents(applied), "counts": counts}


def revert(request: Mapping[str, Any]) -> dict[str, Any]:
    """Take back everything above the version `to`."""
    with _run(request) as run:
        return {"reverted": _documents(down(run, required(request, "to", str))), **_state(run)}


def correct(request: Mapping[str, Any]) -> dict[str, Any]:
    """Make the ledger agree with the files, and take the schema as it is."""
    with _run(request) as run:
        return {"corrections": repair(run), **_state(run)}


def adopt(request: Mapping[str, Any]) -> dict[str, Any]:
    """Record the migrations up to the version `to` as applied, without running them."""
    with _run(request) as run:
        return {"recorded": baseline(run, required(request, "to", str)), **_state(run)}


def drop_kept(request: Mapping[str, Any]) -> dict[str, Any]:
    """Remove old versions that changes have kept."""
    with _run(request) as run:
        return {"removed": confirm(run, required(request, "names", list)), **_state(run)}


def look(request: Mapping[str, Any]) -> dict[str, Any]:
    """Tell ledger, differences and kept versions; nothing is written."""
    set_patience(float(request.get("patience", 5.0)))
    with _run({**request, "connection": {**required(request, "connection", dict), "must_exist": True}}) as run:
        return inspect(run, counts=bool(request.get("counts")))


def engine_name(value: object) -> str:
    """Return the name of an engine; BadRequest for anything else."""
    if value not in NAMES:
        raise Failure("BadRequest", f"engine is {value!r}; allowed: {', '.join(NAMES)}", CORRECT)
    return str(value)


@contextmanager
def _run(request: Mapping[str, Any]) -> Iterator[Run]:
    """Connect to the engine and the coordinator of a request."""
    with Run.connected(
        engine_name(request.get("engine")),
        required(request, "connection", dict),
        required(request, "coordination", dict),
        _migrations(required(request, "migrations", list)),
        runner=str(request.get("runner") or runner_name()),
        lock_seconds=float(request.get("lock_seconds") or WAIT_SECONDS),
        shown=_shown(request.get("shown")),
    ) as run:
        yield run


def _migrations(documents: Sequence[Mapping[str, Any]]) -> tuple[Migration, ...]:
    try:
        return tuple(from_document(document) for document in documents)
    except ValueError as error:
        raise Failure("ChecksumMismatch", str(error), "run it again") from None


def _shown(documents: Sequence[Mapping[str, Any]] | None) -> tuple[LedgerEntry, ...] | None:
    return None if documents is None else tuple(LedgerEntry.parse(document) for document in documents)


def _without_migrations(request: Mapping[str, Any]) -> dict[str, Any]:
    """Prove an engine that has no schema: it connects, and answers what its seeding asks."""
    name = engine_name(request.get("engine"))
    driver = load(name)
    driver.connect(required(request, "connection", dict))
    try:
        counts = driver.seed(request.get("seeds") or {})
        driver.grant(request.get("accounts") or ())
        version = driver.server_version()
        return {"engine": name, "server_version": version, "schema_version": schema_version(()), "ledger": [],
                "applied": [], "counts": counts}  # fmt: skip
    finally:
        driver.close()


def _state(run: Run) -> dict[str, Any]:
    ledger = run.driver.ledger()
    return {
        "engine": run.engine,
        "server_version": run.driver.server_version(),
        "schema_version": schema_version(ledger),
        "ledger": _documents(ledger),
    }


def _documents(entries: Sequence[LedgerEntry]) -> list[dict[str, Any]]:
    return [entry.document() for entry in entries]

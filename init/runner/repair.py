"""Making the ledger agree with what is: accepted edits, cleared failures, schemas that are older than their ledger."""

from collections.abc import Sequence
from datetime import UTC, datetime

from init.engines.base import log
from init.migrations import LedgerEntry
from init.migrations.corrections import Correction, corrections
from init.protocol import Failure
from init.runner.run import Run


def repair(run: Run) -> list[str]:
    """Correct the ledger, and take the schema as it is for what migrations made; return a sentence for each correction."""
    with run.locked(accept=True):
        done = corrections(run.engine, run.driver.ledger(), run.migrations)
        with run.driver.transaction():
            for correction in done:
                _replace(run, correction)
        return [correction.sentence for correction in done]


def baseline(run: Run, to: str) -> list[str]:
    """Record the migrations up to version `to` as applied without running them, on an engine that has no ledger yet."""
    with run.locked(accept=True):
        ledger = run.driver.ledger()
        if ledger:
            raise Failure(
                "MigrationsRefused",
                f"{run.engine}: has a ledger already, with {len(ledger)} migrations; nothing was recorded",
                "run ./karen migrate status, which shows it",
            )
        wanted = [migration for migration in run.migrations if migration.version <= to]
        with run.driver.transaction():
            for migration in wanted:
                entry = LedgerEntry(migration.name, migration.checksum, datetime.now(UTC), applied_by=run.runner)
                run.driver.write(entry, None)
                log(run.engine, f"recorded {migration.file} as applied")
        return [migration.name for migration in wanted]


def confirm(run: Run, names: Sequence[str]) -> list[str]:
    """Remove old versions that changes have kept, and return their names."""
    kept = run.driver.kept()
    unknown = [name for name in names if name not in kept]
    if unknown:
        raise Failure(
            "MigrationsRefused",
            f"{run.engine}: not kept by a change: {', '.join(unknown)}; kept: {', '.join(kept) or 'nothing'}",
            "run ./karen migrate status, which names them",
        )
    with run.locked():
        run.driver.drop_kept(names)
    return list(names)


def _replace(run: Run, correction: Correction) -> None:
    if correction.instead is not None and correction.instead.name == correction.entry.name:
        run.driver.write(correction.instead, correction.entry)
        return
    run.driver.remove(correction.entry)
    if correction.instead is not None:
        run.driver.write(correction.instead, None)

"""Making the ledger agree with what is: accepted edits, cleared failures, schemas that are older than their ledger."""

from collections.abc import Sequence
from datetime import UTC, datetime

from init.engines.base import log
from init.migrations import LedgerEntry, Migration
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
        wanted = {migration.name: migration for migration in run.migrations if migration.version <= to}
        # A run that was cut off has recorded some of them.
        recorded = {entry.name for entry in ledger if not entry.dirty and _is_of(entry, wanted.get(entry.name))}
        if len(recorded) != len(ledger) or recorded == set(wanted):
            raise Failure(
                "MigrationsRefused",
                f"{run.engine}: has a ledger already, with {len(ledger)} migrations; nothing was recorded",
                "run ./karen migrate status, which shows it",
            )
        with run.driver.transaction():
            for migration in (one for name, one in wanted.items() if name not in recorded):
                entry = LedgerEntry(migration.name, migration.checksum, datetime.now(UTC), applied_by=run.runner)
                run.driver.write(entry, None)
                log(run.engine, f"recorded {migration.file} as applied")
        return list(wanted)


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
        half = [entry.name for entry in run.driver.ledger() if entry.dirty]
        if half:
            raise Failure(
                "MigrationsRefused",
                f"{run.engine}: {', '.join(half)} is half done, and may still need what is kept",
                f"./karen migrate up {run.engine}, or down, which goes on; then confirm",
            )
        run.driver.drop_kept(names)
    return list(names)


def _replace(run: Run, correction: Correction) -> None:
    if correction.instead is not None and correction.instead.name == correction.entry.name:
        run.driver.write(correction.instead, correction.entry)
        return
    # The new one first: cut off in between, the old one is a record without a file, which the next repair removes.
    if correction.instead is not None:
        run.driver.write(correction.instead, None)
    run.driver.remove(correction.entry)


def _is_of(entry: LedgerEntry, migration: Migration | None) -> bool:
    return migration is not None and entry.checksum == migration.checksum

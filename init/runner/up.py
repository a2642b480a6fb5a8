"""The way there: everything that is pending, one migration after the other."""

import time
from contextlib import suppress
from datetime import UTC, datetime

from init.engines.base import Work, log
from init.migrations import LedgerEntry, Migration
from init.protocol import Failure
from init.runner.run import Run


def up(run: Run, target: str | None = None) -> list[LedgerEntry]:
    """Apply what is pending up to `target` and return what was applied; with nothing to do, nothing is locked or written."""
    if not run.checked_plan(target).pending and run.settled():
        return []
    with run.locked():
        # Another runner may have been here while this one waited.
        pending = run.checked_plan(target).pending
        recorded = {entry.name: entry for entry in run.driver.ledger()}
        return [_apply(run, migration, recorded.get(migration.name)) for migration in pending]


def _apply(run: Run, migration: Migration, earlier: LedgerEntry | None) -> LedgerEntry:
    """Apply one migration and record it in place of what an earlier run has left."""
    run.driver.check(migration.up)
    started = time.perf_counter()
    entry = LedgerEntry(migration.name, migration.checksum, datetime.now(UTC), applied_by=run.runner)
    if run.driver.atomic(migration.up):
        if earlier is not None and earlier.step:
            raise Failure(
                "MigrationsRefused",
                f"{run.engine}/{migration.file}: {earlier.step} of its statements are done, outside a transaction",
                "give it `-- transactional: false` again, so that the run goes on after them",
            )
        with run.driver.transaction():
            run.driver.execute(migration.up, Work(entry, guard=run.guard))
            run.guard()
            entry = _timed(entry, started)
            run.driver.write(entry, earlier)
    else:
        marked = entry.changed(state="applying", step=earlier.step if earlier else 0)
        run.driver.write(marked, earlier)
        work = Work(marked, guard=run.guard, resumed=earlier is not None)
        carry_out(run, migration, work)
        entry = _timed(entry, started)
        run.driver.write(entry, work.entry)
    log(run.engine, f"applied {migration.file} in {entry.duration:.2f} s")
    return entry


def carry_out(run: Run, migration: Migration, work: Work) -> None:
    """Execute what has no transaction; why it failed is recorded, so that nobody runs into it again unawares."""
    script = migration.down if work.reverting else migration.up
    assert script is not None
    try:
        run.driver.execute(script, work)
        run.guard()
    except Failure as failure:
        if failure.kind == "MigrationFailed":
            # A server that is gone as well takes no record: the next run then goes on by itself.
            with suppress(Failure):
                run.driver.write(work.entry.changed(error=failure.message), work.entry)
        raise


def _timed(entry: LedgerEntry, started: float) -> LedgerEntry:
    return entry.changed(duration=round(time.perf_counter() - started, 3))

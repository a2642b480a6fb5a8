"""The way back: everything above a version, the latest first."""

import time
from datetime import UTC, datetime

from init.engines.base import Work, log
from init.migrations import LedgerEntry, Migration
from init.migrations.way_back import entries_above, way_back
from init.runner.run import Run
from init.runner.up import carry_out


def down(run: Run, to: str) -> list[LedgerEntry]:
    """Revert what is recorded above version `to` (three digits) and return what was reverted; all or nothing is checked first."""
    if not entries_above(run.driver.ledger(), to):
        return []
    with run.locked():
        steps = way_back(run.engine, run.driver.ledger(), run.migrations, to)
        for entry, migration in steps:
            _revert(run, entry, migration)
        return [entry for entry, _ in steps]


def _revert(run: Run, entry: LedgerEntry, migration: Migration) -> None:
    assert migration.down is not None
    run.driver.check(migration.down)
    started = time.perf_counter()
    marked = entry.changed(state="reverting", applied_by=run.runner, applied_at=datetime.now(UTC), step=0)
    if run.driver.atomic(migration.down):
        with run.driver.transaction():
            run.driver.execute(migration.down, Work(marked, guard=run.guard))
            run.guard()
            run.driver.remove(entry)
    else:
        if entry.state == "reverting":
            marked = marked.changed(step=entry.step)
        run.driver.write(marked, entry)
        work = Work(marked, guard=run.guard, resumed=entry.dirty)
        carry_out(run, migration, work)
        run.driver.remove(work.entry)
    log(run.engine, f"reverted {migration.file} in {time.perf_counter() - started:.2f} s")

"""The way back: everything above a version, the latest first."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from init.engines.base import Work, log
from init.migrations import LedgerEntry, Migration
from init.protocol import Failure
from init.runner.run import Run, entries_above
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


def way_back(
    engine: str, ledger: Sequence[LedgerEntry], migrations: Sequence[Migration], to: str
) -> list[tuple[LedgerEntry, Migration]]:
    """Return what is to be reverted, the latest first; MigrationsRefused names everything that stands in the way."""
    by_name = {migration.name: migration for migration in migrations}
    steps, problems = [], []
    for entry in entries_above(ledger, to):
        migration = by_name.get(entry.name)
        if migration is None:
            problems.append(f"{engine}/{entry.name}: its file is gone. Fix: restore it")
        elif migration.checksum != entry.checksum:
            problems.append(f"{engine}/{migration.file}: edited after it was applied. Fix: restore the file")
        elif migration.down is None:
            twin = f"{entry.name}.down.{migration.up.suffix}"
            problems.append(f"{engine}/{migration.file}: has no way back. Fix: write init/data/{engine}/{twin}")
        elif entry.error:
            problems.append(
                f"{engine}/{migration.file}: failed half-way: {entry.error}. Fix: ./karen migrate repair {engine}"
            )
        elif entry.state == "applying":
            problems.append(f"{engine}/{migration.file}: half applied. Fix: ./karen migrate up {engine}, which goes on")
        else:
            steps.append((entry, migration))
    if problems:
        raise Failure("MigrationsRefused", "; ".join(problems), "as said for each of them; nothing was reverted")
    return steps


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

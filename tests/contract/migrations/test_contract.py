"""What every engine's migrations do: there, back, again, and recorded where one looks for it."""

from datetime import UTC, datetime

import pytest

from init.engines.base import LedgerConflict
from init.migrations import load
from init.protocol import Failure
from init.reports import verify
from init.runner.down import down
from init.runner.inspect import inspect
from init.runner.lock import Lock
from init.runner.repair import baseline, repair
from init.runner.run import Run
from init.runner.up import up
from tests.contract.migrations import cases
from tests.contract.migrations.case import DATA, Case
from tests.contract.migrations.processes import Processes, job
from tests.unit.test_data_files import DATA as SHIPPED

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


def names(run: Run) -> list[str]:
    return [entry.name for entry in run.driver.ledger()]


def assert_settled(run: Run) -> None:
    """The shared tables tell what the engine's own ledger tells, and the schema is as it was left."""
    assert run.coordinator.history(run.engine) == run.driver.ledger()
    found = inspect(run)
    assert (found["compared"], found["drift"], found["mirrored"]) == (True, [], True)


def test_everything_is_applied_in_order_and_recorded(case: Case) -> None:
    began = datetime.now(UTC)
    with case.run() as run:
        assert run.driver.ledger() == ()
        applied = up(run)
        assert [entry.name for entry in applied] == [file.name for file in case.files()]
        assert run.driver.ledger() == tuple(applied)
        assert sum(entry.duration for entry in applied) > 0
        for entry, file in zip(applied, case.files(), strict=True):
            assert (entry.checksum, entry.applied_by, entry.state) == (file.checksum, run.runner, "applied")
            assert began <= entry.applied_at <= datetime.now(UTC)
        assert_settled(run)
    with case.run() as another:
        assert another.driver.ledger() == tuple(applied)


def test_a_second_run_writes_nothing_and_needs_no_lock(case: Case) -> None:
    with case.run() as run:
        up(run)
    before = case.inventory()
    with case.postgres() as connection, Lock(connection, case.engine).held(), case.run(lock_seconds=0.1) as run:
        assert up(run) == []
    assert case.inventory() == before


def test_looking_writes_nothing(case: Case) -> None:
    # The first connection makes DuckDB's file.
    with case.run():
        empty = case.inventory()
    with case.run() as run:
        found = inspect(run, counts=True)
        assert (found["ledger"], found["schema_version"], found["compared"]) == ([], "none", False)
    assert case.inventory() == empty
    with case.run() as run:
        up(run)
    before = case.inventory()
    with case.run() as run:
        assert inspect(run, counts=True)["schema_version"] == "004"
        assert run.plan().pending == ()
    assert case.inventory() == before


def test_there_back_and_there_again_is_the_same_schema(case: Case) -> None:
    with case.run() as run:
        empty = run.driver.objects()
        applied = up(run)
        objects = run.driver.objects()
        assert len(objects) > len(empty)
        assert down(run, "000") == applied[::-1]
        assert (run.driver.objects(), run.driver.ledger()) == (empty, ())
        assert_settled(run)
        assert len(up(run)) == len(applied)
        assert run.driver.objects() == objects
        assert_settled(run)


def test_one_may_stop_at_a_version_on_both_ways(case: Case) -> None:
    with case.run() as run:
        up(run, "001")
        first = run.driver.objects()
        assert [entry.version for entry in up(run, "003")] == ["002", "003"]
        assert up(run, "003") == []
        assert [entry.version for entry in down(run, "001")] == ["003", "002"]
        assert down(run, "001") == []
        assert run.driver.objects() == first
        assert_settled(run)
        with pytest.raises(Failure, match=r"applied, but the stack asks for 000. Fix: ./karen migrate down"):
            up(run, "000")


def test_a_schema_made_by_hand_is_taken_over(case: Case) -> None:
    with case.run() as run:
        up(run, "003")
        objects = run.driver.objects()
    case.forget()
    with case.run() as run:
        assert run.driver.ledger() == ()
        assert baseline(run, "003") == [file.name for file in case.files()[:3]]
        assert run.driver.objects() == objects
        assert_settled(run)
        assert [entry.version for entry in up(run)] == ["004"]
        assert_settled(run)
        with pytest.raises(Failure, match="has a ledger already, with 4 migrations"):
            baseline(run, "003")


def test_a_record_that_another_runner_changed_is_not_overwritten(case: Case) -> None:
    with case.run() as run:
        (entry,) = up(run, "001")
        stale, another = entry.changed(state="applying", step=1), entry.changed(name="002_b")
        for written, replacing in ((entry, None), (entry, stale), (another, another)):
            with pytest.raises(LedgerConflict, match="was changed by another runner"):
                run.driver.write(written.changed(duration=1.0), replacing)
        for removed in (stale, another):
            with pytest.raises(LedgerConflict, match="was changed by another runner"):
                run.driver.remove(removed)
        assert run.driver.ledger() == (entry,)


def test_only_what_was_shown_is_changed(case: Case) -> None:
    """Somebody agreed to a ledger's change, and it is another ledger by then."""
    with case.run() as run:
        first = tuple(up(run, "001"))
        both = first + tuple(up(run, "002"))
    before = case.inventory()
    for command in (up, lambda run: down(run, "000"), repair):
        with case.run(shown=first) as run, pytest.raises(Failure, match="its ledger is not as it was shown"):
            command(run)
    assert case.inventory() == before
    with case.run(shown=both) as run:
        assert [entry.version for entry in down(run, "001")] == ["002"]


def test_the_shared_history_is_put_right_by_the_next_run(case: Case) -> None:
    with case.run() as run:
        ledger = tuple(up(run))
    if case.engine == "postgres":
        return  # Of PostgreSQL it is the ledger itself.
    with case.postgres() as connection:
        connection.execute("UPDATE migration_history SET step = 7 WHERE migration_name LIKE '001%'")
        connection.execute("DELETE FROM migration_history WHERE migration_name LIKE '002%'")
        connection.execute(
            "INSERT INTO migration_history (service, migration_name, checksum) VALUES (%s, '009_no_such', repeat('0', 64))",
            [case.engine],
        )
    with case.run() as run:
        assert not inspect(run)["mirrored"]
        assert up(run) == []
        assert run.driver.ledger() == run.coordinator.history(case.engine) == ledger
        assert_settled(run)


def test_a_postgres_that_was_made_anew_is_told_by_the_verification(case: Case) -> None:
    with case.run() as run:
        up(run)
    if case.engine == "postgres":
        return  # With it, its own ledger is gone as well.
    with case.postgres() as connection:
        connection.execute("DROP TABLE migration_history, migration_schema")
    for _ in range(2):
        verify({"engines": {"postgres": case.coordination, case.engine: case.connection}})
        with case.run() as run:
            assert_settled(run)


def test_a_run_that_is_killed_before_any_of_its_steps_is_taken_up(case: Case, processes: Processes) -> None:
    with case.run() as run:
        up(run)
        objects = run.driver.objects()
    case.wipe_everything()
    runner = processes.start()
    for number in range(1, 100):
        # Each run goes on where the one before was cut off, and comes further.
        runner.send(job(case, DATA / case.engine, at="guard", nth=number, fork=True))
        if runner.event("killed")["signal"] == 0:
            break
    assert number > 3
    with case.run() as run:
        assert [(entry.name, entry.dirty) for entry in run.driver.ledger()] == [(m.name, False) for m in case.files()]
        assert run.driver.objects() == objects
        assert_settled(run)


@cases.only(*(name for name in cases.NAMES if (SHIPPED / name).is_dir()))
def test_the_shipped_migrations_go_there_back_and_there_again(case: Case) -> None:
    files = load(SHIPPED / case.engine)
    with case.run(files) as run:
        empty = run.driver.objects()
        applied = up(run)
        objects = run.driver.objects()
        assert [entry.name for entry in down(run, "000")] == [file.name for file in files[::-1]]
        assert run.driver.objects() == empty
        assert len(up(run)) == len(applied)
        assert run.driver.objects() == objects
        assert_settled(run)

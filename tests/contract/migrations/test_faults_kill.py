"""A run that is killed, anywhere: the next one goes on, and nothing is done twice."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from init.migrations import Migration
from init.protocol import Failure
from init.runner.down import down
from init.runner.inspect import inspect
from init.runner.up import up
from tests.contract.migrations import cases
from tests.contract.migrations.case import Case
from tests.contract.migrations.processes import Processes, job

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]
Write = Callable[[Mapping[str, str]], tuple[Migration, ...]]

DONE = "CREATE TABLE done (statement INTEGER NOT NULL);\n"
# A step is 'done' once for each time that its statement is executed.
STEPS = (
    "INSERT INTO done VALUES (1)",
    "CREATE TABLE items (id INTEGER PRIMARY KEY, label TEXT)",
    "INSERT INTO done VALUES (3)",
    "INSERT INTO items SELECT n, 'item; ' || n FROM generate_series(1, 100) AS n",
    "CREATE INDEX CONCURRENTLY items_label_idx ON items (label)",
    "INSERT INTO done VALUES (6)",
    'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "Items" ON items (label, id)',
    "ALTER TABLE items ADD COLUMN size INTEGER",
    "DO $$ BEGIN UPDATE items SET size = coalesce(size, 0) + 1; END $$",
    "INSERT INTO done VALUES (10)",
    'DROP INDEX CONCURRENTLY "Items"',
    "VACUUM items",
    "INSERT INTO done VALUES (13)",
)
FILES = {
    "001_done.sql": DONE,
    "002_steps.sql": "-- transactional: false\n" + ";\n".join(STEPS) + ";\n",
}
BACK = {
    "001_done.sql": DONE,
    "002_steps.sql": "CREATE TABLE items (id INTEGER, label TEXT);\nCREATE INDEX items_label_idx ON items (label);\n",
    "002_steps.down.sql": "-- transactional: false\nINSERT INTO done VALUES (-1);\n"
    "DROP INDEX CONCURRENTLY public.items_label_idx;\nDROP TABLE items;\n",
}
CONCURRENTLY = (
    "after CREATE INDEX CONCURRENTLY",
    "after CREATE UNIQUE INDEX CONCURRENTLY",
    "after DROP INDEX CONCURRENTLY",
)


def look(case: Case, query: str) -> list[tuple[Any, ...]]:
    with case.postgres() as connection:
        return connection.execute(query.encode()).fetchall()


def assert_done_once(case: Case) -> None:
    """Every statement was executed once, and no index is half-built."""
    assert look(case, "SELECT statement FROM done ORDER BY 1") == [(1,), (3,), (6,), (10,), (13,)]
    assert look(case, "SELECT count(*), min(size), max(size) FROM items") == [(100, 1, 1)]
    assert look(case, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


def points_of(case: Case, processes: Processes, directory: Path, to: str | None = None) -> list[str]:
    """Return the points of a run that nothing disturbs."""
    points: list[str] = processes.run(case, directory, to=to).event("ended")["points"]
    return points


def boundaries(points: list[str]) -> list[int]:
    """Return the points between two statements, and on both sides of each commit, from the first that writes."""
    first = points.index("guard")
    return [n for n, point in enumerate(points, start=1) if n > first and not point.startswith("before ")]


@cases.only("postgres")
@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.full), 9], ids=["each", "some"])
def test_a_file_without_a_transaction_is_taken_up_where_it_was_cut(
    case: Case, write: Write, tmp_path: Path, processes: Processes, every: int
) -> None:
    files = write(FILES)
    points = points_of(case, processes, tmp_path / "written" / "postgres")
    with case.run(files) as run:
        objects = run.driver.objects()
    assert points.count("guard") > len(STEPS)
    index = "SELECT 'items_label_idx'::regclass::oid::int"
    # The guards, which are right after each commit; concurrent indexes that are built and not recorded; and some others.
    chosen = {n for n, point in enumerate(points, start=1) if point == "guard" or point.startswith(CONCURRENTLY)}
    chosen |= set(boundaries(points)[::every])
    assert len(chosen) >= 20
    runner = processes.start()
    for number in sorted(chosen):
        case.wipe_everything()
        runner.kills(job(case, tmp_path / "written" / "postgres", at=number))
        built = (
            look(case, index) if look(case, "SELECT to_regclass('items_label_idx') IS NOT NULL") == [(True,)] else []
        )
        with case.run(files) as run:
            up(run)
            assert inspect(run)["drift"] == []
            assert [entry.state for entry in run.driver.ledger()] == ["applied", "applied"]
            assert run.driver.objects() == objects
        assert_done_once(case)
        assert built in ([], look(case, index)), points[number - 1]


@cases.only("postgres")
def test_a_way_back_without_a_transaction_is_taken_up_where_it_was_cut(
    case: Case, write: Write, tmp_path: Path, processes: Processes
) -> None:
    files = write(BACK)
    directory = tmp_path / "written" / "postgres"
    with case.run(files) as run:
        up(run)
    points = points_of(case, processes, directory, "001")
    runner = processes.start()
    for number in boundaries(points):
        case.wipe_everything()
        with case.run(files) as run:
            up(run)
        runner.kills(job(case, directory, to="001", at=number))
        with case.run(files) as run:
            if run.driver.ledger()[-1].state == "reverting":
                with pytest.raises(
                    Failure, match=r"002_steps.sql: half reverted. Fix: ./karen migrate down postgres --to 001"
                ):
                    up(run)
            down(run, "001")
            assert [entry.name for entry in run.driver.ledger()] == ["001_done"]
            assert inspect(run)["drift"] == []
        assert look(case, "SELECT count(*) FROM done WHERE statement = -1") == [(1,)]


@cases.only("postgres", "duckdb")
def test_a_file_in_a_transaction_is_there_as_a_whole_or_not_at_all(
    case: Case, write: Write, tmp_path: Path, processes: Processes
) -> None:
    files = write(
        {"001_done.sql": DONE, "002_steps.sql": "INSERT INTO done VALUES (1);\nINSERT INTO done VALUES (2);\n"}
    )
    directory = tmp_path / "written" / case.engine
    points = points_of(case, processes, directory)
    with case.run(files) as run:
        objects = run.driver.objects()
    runner = processes.start()
    for number in boundaries(points)[::2]:
        case.wipe_everything()
        runner.kills(job(case, directory, at=number))
        with case.run(files) as run:
            names = [entry.name for entry in run.driver.ledger()]
            assert run.driver.objects() == ({} if names == [] else objects), points[number - 1]
            assert run.driver.verify().get("done", 0) == (2 if "002_steps" in names else 0)
            up(run)
            assert inspect(run)["drift"] == []
            assert run.driver.verify()["done"] == 2
            assert len(run.driver.ledger()) == 2


@cases.only("postgres")
def test_a_half_applied_file_may_not_be_edited(case: Case, write: Write, tmp_path: Path, processes: Processes) -> None:
    files = write(FILES)
    processes.run(case, tmp_path / "written" / "postgres", at="after INSERT INTO done VALUES (6)").was_killed()
    before = case.inventory()
    with case.run(write({"002_steps.sql": FILES["002_steps.sql"].replace("(13)", "(14)")})) as run:
        (entry,) = (entry for entry in run.driver.ledger() if entry.dirty)
        assert (entry.name, entry.state, entry.step, entry.error) == ("002_steps", "applying", 5, "")
        with pytest.raises(Failure, match=r"002_steps.sql: edited while it was half applied: recorded") as refused:
            up(run)
        assert refused.value.kind == "ChecksumMismatch"
    assert case.inventory() == before
    with case.run(files) as run:
        assert [entry.name for entry in up(run)] == ["002_steps"]
    assert_done_once(case)


@cases.only("postgres")
@pytest.mark.parametrize("transactional", ["true", "false"])
def test_a_killed_server_leaves_what_was_there_and_no_record(
    case: Case, write: Write, tmp_path: Path, processes: Processes, transactional: str
) -> None:
    sleeping = f"-- transactional: {transactional}\nCREATE TABLE half (id INTEGER);\nSELECT pg_sleep(600);\n"
    files = write({"001_done.sql": DONE, "002_sleeps.sql": sleeping})
    with case.run(files) as run:
        up(run, "001")
        objects, ledger = run.driver.objects(), run.driver.ledger()
    runner = processes.run(case, tmp_path / "written" / "postgres")
    case.asleep()
    case.contract.kill("postgres")
    ended = runner.event("ended")
    case.contract.restart("postgres")
    assert (ended["done"], ended["kind"]) == ([], "ConnectionFailed")
    assert "002_sleeps.sql: the connection was lost" in ended["message"]
    with case.run(write({"002_sleeps.sql": sleeping})) as run:
        if transactional == "true":
            assert (run.driver.objects(), run.driver.ledger()) == (objects, ledger)
            return
        (entry,) = (entry for entry in run.driver.ledger() if entry.dirty)
        # A step is not waited for until it is on the disk: it is lost together with its record, or neither is.
        assert (entry.state, entry.error) == ("applying", "")
        assert ("table half" in run.driver.objects()) == (entry.step == 1)

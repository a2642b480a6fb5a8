"""Statements that fail, take too long, or wait for a lock: what is said, what is left, and how it goes on."""

from collections.abc import Callable, Mapping

import pytest

from init.migrations import Migration
from init.protocol import Failure
from init.runner.inspect import inspect
from init.runner.repair import repair
from init.runner.up import up
from tests.contract.migrations import cases
from tests.contract.migrations.case import Case

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]
Write = Callable[[Mapping[str, str]], tuple[Migration, ...]]
FIRST = "CREATE TABLE items (id INTEGER PRIMARY KEY, label TEXT);\nINSERT INTO items VALUES (1, 'a'), (2, 'a');\n"
UNIQUE = """-- transactional: false
INSERT INTO items VALUES (3, 'c');
-- Why: a label is looked for; without this there could be two.
CREATE UNIQUE INDEX CONCURRENTLY items_label_idx ON items (label);
INSERT INTO items VALUES (4, 'd');
"""
SLOW = {
    "postgres": ("SELECT pg_sleep(100)", r"statement timeout \(SQLSTATE 57014\)"),
    "duckdb": ("SELECT count(*) FROM range(1000000000000)", r"took longer than 1 s"),
}
MILLION = {
    "postgres": "INSERT INTO items SELECT 10 + n, (1 / (999999 - n))::text FROM generate_series(1, 1000000) AS n",
    "duckdb": "INSERT INTO items SELECT 10 + n, CASE WHEN n = 999999 THEN error('bad row') ELSE 'x' END"
    " FROM range(1, 1000001) AS numbers(n)",
}


@cases.only("postgres")
def test_a_failed_concurrent_index_is_marked_refused_and_then_resumed(case: Case, write: Write) -> None:
    with case.run(write({"001_items.sql": FIRST, "002_unique.sql": UNIQUE})) as run:
        with pytest.raises(
            Failure, match=r"002_unique.sql: statement 2: could not create unique index .* \(SQLSTATE 23505\)"
        ) as failed:
            up(run)
        assert failed.value.kind == "MigrationFailed"
        entry = run.driver.ledger()[1]
        assert (entry.state, entry.dirty, entry.step) == ("applying", True, 1)
        assert "could not create unique index" in entry.error
        for _ in range(2):
            with pytest.raises(
                Failure, match=r"002_unique.sql: failed half-way: .*Fix: .*./karen migrate repair postgres"
            ):
                up(run)
        run.driver.connection.execute("DELETE FROM items WHERE id = 2")  # type: ignore[attr-defined]
        assert repair(run) == ["postgres/002_unique.sql: the failure is cleared; the next run goes on after step 1"]
        assert [entry.name for entry in up(run)] == ["002_unique"]
        assert run.driver.objects()["index items.items_label_idx"].endswith("(label)")
        assert run.driver.verify()["items"] == 3
        assert inspect(run)["drift"] == []


@cases.only("postgres")
def test_a_concurrent_index_without_a_name_is_refused_before_anything_is_written(case: Case, write: Write) -> None:
    unnamed = (
        "-- transactional: false\nINSERT INTO items VALUES (3, 'c');\nCREATE INDEX CONCURRENTLY ON items (label);\n"
    )
    with case.run(write({"001_items.sql": FIRST, "002_unnamed.sql": unnamed})) as run:
        with pytest.raises(
            Failure, match=r"002_unnamed.sql: CREATE INDEX CONCURRENTLY ON items \(label\): name the index"
        ):
            up(run)
        assert [entry.name for entry in run.driver.ledger()] == ["001_items"]
        assert run.driver.verify()["items"] == 2


@cases.only("postgres", "duckdb")
@pytest.mark.parametrize("statement", ["COMMIT", "begin", "ROLLBACK"])
def test_a_file_may_not_end_the_transaction_around_it(case: Case, write: Write, statement: str) -> None:
    files = write({"001_items.sql": FIRST, "002_ends.sql": f"DELETE FROM items;\n-- Now\n{statement};\nSELECT 1;\n"})
    with case.run(files) as run:
        with pytest.raises(Failure, match=r"002_ends.sql: .*transaction") as failed:
            up(run)
        assert failed.value.kind == "MigrationFailed"
        assert run.driver.verify()["items"] == 2


@cases.only("postgres", "duckdb")
def test_a_bad_row_near_the_end_of_a_million_leaves_none(case: Case, write: Write) -> None:
    with case.run(write({"001_items.sql": FIRST, "002_million.sql": f"{MILLION[case.engine]};\n"})) as run:
        with pytest.raises(Failure, match=r"002_million.sql: (division by zero|.*bad row)"):
            up(run)
        assert run.driver.verify()["items"] == 2
        assert [entry.name for entry in run.driver.ledger()] == ["001_items"]


@cases.only("postgres", "duckdb")
def test_a_statement_that_takes_too_long_is_ended(case: Case, write: Write) -> None:
    slow, reason = SLOW[case.engine]
    files = write(
        {"001_items.sql": FIRST, "002_slow.sql": f"-- timeout: 1s\nINSERT INTO items VALUES (3, 'c');\n{slow};\n"}
    )
    with case.run(files) as run:
        with pytest.raises(Failure, match=f"002_slow.sql: .*{reason}") as failed:
            up(run)
        assert failed.value.kind == "MigrationFailed"
        assert run.driver.verify()["items"] == 2
        assert [entry.name for entry in run.driver.ledger()] == ["001_items"]
        assert inspect(run)["drift"] == []


@cases.only("postgres")
def test_a_step_that_takes_too_long_is_marked_and_the_next_run_has_its_own_time(case: Case, write: Write) -> None:
    header = "-- transactional: false\n-- timeout: 300ms"
    slow = f"{header}\nINSERT INTO items VALUES (3, 'c');\nSELECT pg_sleep(id * 100) FROM items WHERE id = 2;\n"
    with case.run(write({"001_items.sql": FIRST, "002_slow.sql": slow})) as run:
        with pytest.raises(Failure, match=r"002_slow.sql: .*statement timeout \(SQLSTATE 57014\)"):
            up(run)
        connection = run.driver.connection  # type: ignore[attr-defined]
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
        assert [(entry.state, entry.step) for entry in run.driver.ledger()] == [("applied", 0), ("applying", 1)]
        connection.execute("DELETE FROM items WHERE id = 2")
        repair(run)
        assert [entry.name for entry in up(run)] == ["002_slow"]
        assert run.driver.verify()["items"] == 2


@cases.only("postgres")
def test_a_table_that_somebody_has_locked_is_not_waited_for_without_end(case: Case, write: Write) -> None:
    files = write({"001_items.sql": FIRST, "002_alters.sql": "ALTER TABLE items ADD COLUMN size INTEGER;\n"})
    with case.run(files) as run, case.postgres() as other:
        up(run, "001")
        connection = run.driver.connection  # type: ignore[attr-defined]
        assert connection.execute("SHOW lock_timeout").fetchone() == ("10s",)
        connection.execute("SET lock_timeout = '200ms'")
        with other.transaction():
            other.execute("LOCK TABLE items IN ACCESS SHARE MODE")
            with pytest.raises(Failure, match=r"002_alters.sql: .*lock timeout \(SQLSTATE 55P03\)"):
                up(run)
        assert [entry.name for entry in up(run)] == ["002_alters"]

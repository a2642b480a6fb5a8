"""DuckDB lets one process in: ours take turns and name each other, and nobody else is disturbed."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

import pytest

from init.engines import duckdb
from init.migrations import Migration
from init.protocol import Failure
from init.runner.inspect import inspect
from init.runner.run import Run
from init.runner.up import up
from tests.contract.migrations import cases
from tests.contract.migrations.case import Case
from tests.contract.migrations.processes import Processes

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]
Write = Callable[[Mapping[str, str]], tuple[Migration, ...]]
ITEMS = "CREATE TABLE items (id INTEGER);\nINSERT INTO items VALUES (1);\n"
# It has the file open throughout, without our lease, and adds a row whenever it is told to.
FOREIGN = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print('{"event": "opened"}', flush=True)
for line in sys.stdin:
    connection.execute("INSERT INTO items VALUES (2)")
    count = connection.execute("SELECT count(*) FROM items").fetchone()[0]
    print('{"event": "wrote", "count": %d}' % count, flush=True)
connection.close()
"""


def impatient(case: Case, files: Sequence[Migration]) -> AbstractContextManager[Run]:
    """Wait for the file as always, but not for as long."""
    return Run.connected(case.engine, {**case.connection, "lock_seconds": 1.0}, case.coordination, files)


@cases.only("duckdb")
def test_the_wait_for_the_lease_ends_and_names_its_holder(
    case: Case, write: Write, tmp_path: Path, processes: Processes
) -> None:
    files = write({"001_items.sql": ITEMS})
    holder = processes.run(case, tmp_path / "written" / "duckdb", at="guard", do="pause")
    holder.event("reached")
    with (
        pytest.raises(
            Failure, match=r"still in use after [0-9]+ s: contract.db.lease is held by [^ ]+@[^ ]+ since 20"
        ) as busy,
        impatient(case, files),
    ):
        pass
    assert busy.value.kind == "ConnectionFailed"
    holder.send()
    assert holder.event("ended")["done"] == ["001_items"]
    with case.run(files) as run:
        assert up(run) == []


@cases.only("duckdb")
def test_the_lease_of_a_killed_holder_is_free_at_once(
    case: Case, write: Write, tmp_path: Path, processes: Processes
) -> None:
    directory = tmp_path / "written" / "duckdb"
    write({"001_items.sql": ITEMS + "SELECT count(*) FROM range(1000000000000);\n"})
    runner = processes.run(case, directory, at="before SELECT count(*) FROM range", do="tell")
    runner.event("reached")
    runner.kill()
    with case.run(write({"001_items.sql": ITEMS})) as run:
        assert (run.driver.objects(), run.driver.ledger()) == ({}, ())
        assert [entry.name for entry in up(run)] == ["001_items"]
        assert run.driver.verify()["items"] == 1


@cases.only("duckdb")
def test_a_foreign_process_keeps_its_file_and_the_migration_says_so(
    case: Case, write: Write, processes: Processes
) -> None:
    files = write({"001_items.sql": ITEMS})
    with case.run(files) as run:
        up(run)
    foreign = processes.start(sys.executable, "-c", FOREIGN, case.connection["path"])
    foreign.event("opened")
    foreign.send()
    assert foreign.event("wrote")["count"] == 2
    for rows in (3, 4):
        with (
            pytest.raises(Failure, match=r"duckdb: still in use after [0-9]+ s: .*lock.*PID") as busy,
            impatient(case, files),
        ):
            pass
        assert busy.value.kind == "ConnectionFailed"
        foreign.send()
        assert foreign.event("wrote")["count"] == rows
    foreign.close()
    with case.run(write({"002_more.sql": "INSERT INTO items VALUES (3);\n"})) as run:
        assert [entry.name for entry in up(run)] == ["002_more"]
        assert run.driver.verify()["items"] == 5


@cases.only("duckdb")
def test_a_sequence_that_was_used_is_not_taken_for_a_changed_one(case: Case, write: Write) -> None:
    files = write(
        {"001_numbers.sql": "CREATE SEQUENCE numbers; CREATE TABLE taken (id BIGINT DEFAULT nextval('numbers'));"}
    )
    with case.run(files) as run:
        up(run)
    with case.run(files) as run:
        cast(duckdb.Driver, run.driver)._connection.execute("INSERT INTO taken SELECT nextval('numbers') FROM range(3)")
    with case.run(files) as run:
        assert inspect(run)["drift"] == []

"""What a file may set, name or end by an engine's own rules, and what a command that was cut off leaves in a ledger."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest
from minio import Minio

from init.migrations import LedgerEntry, Migration
from init.protocol import Failure
from init.runner.inspect import inspect
from init.runner.repair import baseline, confirm, repair
from init.runner.up import up
from tests.contract.migrations import cases
from tests.contract.migrations.case import Case

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]
Write = Callable[[Mapping[str, str]], tuple[Migration, ...]]
OUTSIDE = "-- transactional: false\n"


@cases.only("postgres")
def test_what_a_file_sets_is_set_for_this_file_alone(case: Case, write: Write) -> None:
    hidden = "SELECT set_config('search_path', '', false); SET lock_timeout = 1; SET ROLE pg_monitor;"
    files = write(
        {
            "001_app.sql": "CREATE SCHEMA app; SET search_path TO app; CREATE TABLE notes ();",
            "002_plain.sql": "CREATE TABLE plain ();",
            "003_dump.sql": hidden,
            "004_outside.sql": f"{OUTSIDE}SET search_path TO app;\nCREATE TABLE last ();",
            "005_after.sql": "CREATE TABLE after_all ();",
        }
    )
    with case.run(files) as run:
        assert len(up(run)) == 5
        assert {name for name in run.driver.objects() if name.startswith("table ")} == {
            "table plain",
            "table after_all",
        }
        assert inspect(run)["drift"] == []


@cases.only("postgres")
@pytest.mark.parametrize("ending", ["CALL finish();", "DO $$ BEGIN COMMIT; END $$;"])
def test_a_procedure_that_commits_runs_outside_a_transaction_only(case: Case, write: Write, ending: str) -> None:
    first = "CREATE TABLE items (id int); CREATE PROCEDURE finish() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;"
    with case.run(write({"001_first.sql": first, "002_ends.sql": f"INSERT INTO items VALUES (1); {ending}"})) as run:
        with pytest.raises(Failure, match=r"002_ends.sql: invalid transaction termination \(SQLSTATE 2D000\)"):
            up(run)
        assert run.driver.verify()["items"] == 0
    with case.run(write({"002_ends.sql": f"{OUTSIDE}INSERT INTO items VALUES (1); {ending}"})) as run:
        assert [entry.name for entry in up(run)] == ["002_ends"]
        assert run.driver.verify()["items"] == 1


@cases.only("postgres")
def test_an_index_is_found_again_by_its_table(case: Case, write: Write) -> None:
    """It was built and not recorded; one of its name is on another table of another schema."""
    first = """CREATE SCHEMA app; CREATE TABLE app.items (id int); CREATE TABLE items (id int);
        CREATE INDEX items_idx ON items (id);"""
    index = "CREATE INDEX CONCURRENTLY items_idx ON app.items (id)"
    with case.run(write({"001_first.sql": first, "002_index.sql": f"{OUTSIDE}{index};"})) as run:
        up(run, "001")
        (file,) = (file for file in run.migrations if file.version == "002")
        (earlier,) = run.driver.ledger()
        half = earlier.changed(name=file.name, checksum=file.checksum, state="applying")
        for built in (False, True):
            run.driver.write(half, None)
            if built:
                with case.postgres() as connection:
                    connection.execute(index.encode())
            (entry,) = up(run)
            with case.postgres() as connection:
                assert connection.execute("SELECT to_regclass('app.items_idx') IS NOT NULL").fetchone() == (True,)
                connection.execute("DROP INDEX app.items_idx")
            run.driver.remove(entry)


@cases.only("postgres")
def test_a_concurrent_index_waits_for_others_as_long_as_its_file_says(case: Case, write: Write) -> None:
    files = write({"001_items.sql": "CREATE TABLE items (id int);",
                   "002_index.sql": f"{OUTSIDE}-- timeout: 300ms\nCREATE INDEX CONCURRENTLY a ON items (id);"})  # fmt: skip
    with case.run(files) as run, case.postgres() as other:
        up(run, "001")
        with other.transaction():
            other.execute("INSERT INTO items VALUES (1)")
            with pytest.raises(Failure, match=r"statement 1: .*statement timeout"):
                up(run)
        connection = run.driver.connection  # type: ignore[attr-defined]
        assert connection.execute("SHOW lock_timeout").fetchone() == ("10s",)
        repair(run)
        assert [entry.name for entry in up(run)] == ["002_index"]


@cases.only("postgres")
def test_what_was_half_done_outside_a_transaction_is_not_begun_anew_inside_one(case: Case, write: Write) -> None:
    text = "CREATE TABLE items (id int);\nINSERT INTO items VALUES (1);\nSELECT 1 / 0;\n"
    files = write({"001_items.sql": f"{OUTSIDE}{text}"})
    with case.run(files) as run, pytest.raises(Failure, match="statement 3: division by zero"):
        up(run)
    with case.run(write({"001_items.sql": text.replace("/ 0", "/ 1")})) as run:
        assert repair(run) == [
            "postgres/001_items.sql: the file as it is now counts as what is half done; the next run goes on after step 2"
        ]
        with pytest.raises(Failure, match="2 of its statements are done, outside a transaction"):
            up(run)
    with case.run(write({"001_items.sql": OUTSIDE + text.replace("/ 0", "/ 1")})) as run:
        repair(run)
        up(run)
        assert run.driver.verify()["items"] == 1


@cases.only("duckdb")
def test_a_file_of_duckdb_names_its_schemas(case: Case, write: Write) -> None:
    first = "CREATE SCHEMA app; CREATE TABLE app.notes (id INTEGER);"
    for statement in ("USE app", "SET schema = 'app'", "set search_path = 'app'"):
        files = write({"001_app.sql": f"{first} {statement};"})
        with case.run(files) as run, pytest.raises(Failure, match="allowed: names with their schema"):
            up(run)
    with case.run(write({"001_app.sql": first})) as run:
        up(run)
        assert run.driver.verify() == {"migration_history": 1}


@cases.only("minio")
def test_what_a_later_file_does_not_say_of_a_bucket_is_taken_from_it(case: Case, write: Write) -> None:
    rules = '[{"id": "old", "prefix": "", "expire_after_days": 3}]'
    bucket = '{{"buckets": [{{"name": "notes", "about": "", "versioning": {}, "lifecycle": {}}}]}}'
    files = write({"001_a.json": bucket.format("true", rules), "002_b.json": bucket.format("false", "[]")})
    with case.run(files) as run:
        up(run)
        assert run.driver.objects() == {"bucket notes": "versioning Suspended"}
        client: Minio = run.driver._client  # type: ignore[attr-defined]
        assert client.get_bucket_lifecycle("notes") is None
    for name in ("milvus-data", "ai-karen-migrations"):
        files = write({"003_c.json": f'{{"remove": ["{name}"]}}'})
        with case.run(files) as run, pytest.raises(Failure, match=f"{name} is not an application's bucket"):
            up(run)


def test_a_baseline_that_was_cut_off_is_finished(case: Case) -> None:
    with case.run() as run:
        up(run, "003")
    case.forget()
    with case.run() as run:
        first = run.migrations[0]
        run.coordinator.prepare()
        run.driver.write(LedgerEntry(first.name, first.checksum, datetime.now(UTC), applied_by="cut off"), None)
        assert len(baseline(run, "003")) == 3
        assert [entry.version for entry in run.driver.ledger()] == ["001", "002", "003"]
        assert inspect(run)["drift"] == []


def test_a_new_name_that_was_cut_off_before_the_old_one_was_removed_is_put_right(case: Case) -> None:
    with case.run() as run:
        (entry,) = up(run, "001")
        run.driver.write(entry.changed(name="001_earlier"), None)
        assert repair(run) == [f"{case.engine}/001_earlier: its record is removed; what it made stays"]
        assert run.driver.ledger() == (entry,)


@cases.only("elasticsearch")
def test_what_a_half_done_change_may_need_is_not_removed(case: Case) -> None:
    with case.run() as run:
        up(run, "003")
        (name,) = run.driver.kept()
        (*_, last) = run.driver.ledger()
        half = last.changed(state="applying")
        run.driver.write(half, last)
        with pytest.raises(Failure, match=f"{last.name} is half done, and may still need what is kept"):
            confirm(run, [name])
        assert list(run.driver.kept()) == [name]
        run.driver.write(last, half)
        assert confirm(run, [name]) == [name]

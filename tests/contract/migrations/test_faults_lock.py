"""Several runners at once: one works, the others wait, and none is held up by a dead one."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from init import reports
from init.engines.duckdb_lease import Lease
from init.engines.postgres_connection import HISTORY
from init.migrations import Migration
from init.protocol import Failure
from init.runner.lock import SPACE, Lock
from init.runner.up import up
from tests.contract.migrations import cases
from tests.contract.migrations.case import Case
from tests.contract.migrations.processes import Processes, job

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]
Write = Callable[[Mapping[str, str]], tuple[Migration, ...]]
RUNNERS = 10
FILES = {
    "001_done.sql": "CREATE TABLE done (migration INTEGER NOT NULL);\nINSERT INTO done VALUES (1);\n",
    "002_second.sql": "INSERT INTO done VALUES (2);\n",
    "003_third.sql": "INSERT INTO done VALUES (3);\n",
}
NOT_TRANSACTIONAL = (
    "-- transactional: false\nINSERT INTO done VALUES (4);\nCREATE INDEX CONCURRENTLY done_idx ON done (migration);\n"
)
HOLDERS = f"SELECT pid, application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE classid = {SPACE} AND objid > 0 AND granted"


@cases.only("postgres", "duckdb")
@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.full)])
@pytest.mark.timeout(600)
def test_ten_runners_at_once_apply_each_migration_once(
    case: Case, write: Write, tmp_path: Path, processes: Processes, rounds: int
) -> None:
    files = write(FILES | ({"004_fourth.sql": NOT_TRANSACTIONAL} if case.engine == "postgres" else {}))
    runners = [processes.start() for _ in range(RUNNERS)]
    for runner in runners:
        runner.event("ready")
    for _ in range(rounds):
        case.wipe_everything()
        for runner in runners:
            runner.send(job(case, tmp_path / "written" / case.engine))
        ended = [runner.event("ended") for runner in runners]
        assert [one["message"] for one in ended if "message" in one] == []
        assert sorted(name for one in ended for name in one["done"]) == [file.name for file in files]
        with case.run(files) as run:
            assert run.driver.verify()["done"] == len(files)
            assert [entry.state for entry in run.driver.ledger()] == ["applied"] * len(files)
            assert run.coordinator.history(case.engine) == run.driver.ledger()


@cases.only("postgres")
@pytest.mark.parametrize("transactional", ["true", "false"])
def test_a_killed_holder_delays_the_next_runner_by_ten_seconds_at_most(
    case: Case, write: Write, tmp_path: Path, processes: Processes, transactional: str
) -> None:
    sleeping = f"-- transactional: {transactional}\nSELECT pg_sleep(seconds) FROM pace;\n"
    files = write({"001_pace.sql": "CREATE TABLE pace AS SELECT 60 AS seconds;\n", "002_sleeps.sql": sleeping})
    runner = processes.run(case, tmp_path / "written" / "postgres")
    case.asleep()
    with case.postgres() as connection:
        connection.execute("UPDATE pace SET seconds = 0")
    runner.kill()
    began = time.monotonic()
    with case.run(files) as run:
        assert [entry.name for entry in up(run)] == ["002_sleeps"]
    assert time.monotonic() - began < 10


@cases.only("postgres", "duckdb")
def test_who_loses_the_lock_writes_nothing_more(case: Case, write: Write, tmp_path: Path, processes: Processes) -> None:
    files = write(FILES)
    with case.run(files) as run:
        up(run, "001")
    runner = processes.run(case, tmp_path / "written" / case.engine, at="guard", do="pause")
    runner.event("reached")
    with case.postgres() as connection:
        ((pid, _),) = connection.execute(HOLDERS.encode()).fetchall()
        assert connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (True,)
    shared = case.inventory()["postgres"]
    runner.send()
    ended = runner.event("ended")
    assert (ended["done"], ended["kind"]) == ([], "LockLost")
    assert f"{case.engine}: the connection that held the migration lock is gone" in ended["message"]
    assert case.inventory()["postgres"] == shared
    with case.run(files) as run:
        assert run.driver.verify()["done"] == 1
        assert [entry.version for entry in up(run)] == ["002", "003"]
        assert run.driver.verify()["done"] == 3


@cases.only("postgres")
def test_who_loses_the_lock_between_two_steps_leaves_the_mark(
    case: Case, write: Write, tmp_path: Path, processes: Processes
) -> None:
    files = write(FILES | {"004_fourth.sql": NOT_TRANSACTIONAL})
    runner = processes.run(case, tmp_path / "written" / "postgres", at=f"after UPDATE {HISTORY}", do="pause")
    runner.event("reached")
    with case.postgres() as connection:
        ((pid, _),) = connection.execute(HOLDERS.encode()).fetchall()
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    before = case.inventory()
    runner.send()
    assert runner.event("ended")["kind"] in ("LockLost", "ConnectionFailed")
    assert case.inventory() == before
    with case.run(files) as run:
        assert [(entry.state, entry.error) for entry in run.driver.ledger()][3] == ("applying", "")
        assert [entry.version for entry in up(run)] == ["004"]
        assert run.driver.verify()["done"] == 4


@cases.only("postgres", "duckdb")
def test_the_wait_for_the_lock_ends_and_names_the_holder(
    case: Case, write: Write, tmp_path: Path, processes: Processes
) -> None:
    write({"001_done.sql": FILES["001_done.sql"]})
    with case.postgres() as connection, Lock(connection, case.engine).held():
        ((pid, application),) = connection.execute(HOLDERS.encode()).fetchall()
        runner = processes.run(case, tmp_path / "written" / case.engine, lock_seconds=1.0)
        ended = runner.event("ended")
    assert (ended["done"], ended["kind"]) == ([], "Locked")
    assert (
        f"{case.engine}: its migrations are locked by {application}, process {pid}, connected since "
        in ended["message"]
    )
    assert "after 1 s of waiting" in ended["message"]


@cases.only("postgres")
def test_a_waiting_runner_does_not_hold_up_a_concurrent_index(
    case: Case, write: Write, tmp_path: Path, processes: Processes
) -> None:
    files = write(FILES | {"004_fourth.sql": NOT_TRANSACTIONAL})
    directory = tmp_path / "written" / "postgres"
    first = processes.run(case, directory, at="before CREATE INDEX CONCURRENTLY", do="pause")
    first.event("reached")
    second = processes.run(case, directory)
    second.line(lambda line: "waiting up to 60 s for the migration lock" in line)
    first.send()
    assert first.event("ended")["done"] == [file.name for file in files]
    ended = second.event("ended")
    assert (ended["done"], ended.get("message")) == ([], None)


@cases.only("duckdb")
def test_a_verification_leaves_the_telling_to_whoever_has_the_lock_and_hides_nothing_else(case: Case) -> None:
    with case.run() as run:
        up(run)
    request = {"engines": {"postgres": case.coordination, "duckdb": case.connection}}
    with case.postgres() as connection:
        connection.execute("DROP TABLE migration_history, migration_schema")
        with Lock(connection, "duckdb").held():
            assert reports.verify(request)["engines"]["duckdb"]["schema_version"] == "004"
    with case.run() as run:
        assert run.coordinator.history("duckdb") == ()
    lease = Lease(Path(case.connection["path"]), "somebody", seconds=1)
    try:
        with pytest.raises(Failure, match=r"duckdb: still in use after 0 s: .* is held by somebody"):
            reports._adopt("duckdb", {**case.connection, "lock_seconds": 0.1}, case.coordination)
    finally:
        lease.release()

"""An engine that is wiped is as it was found empty, whoever has put there what, and whenever that is cut off."""

import threading
from typing import Any

import psycopg
import pytest
from psycopg import sql

from init.engines.postgres_connection import connect
from init.runner.up import up
from tests.contract.migrations import cases
from tests.contract.migrations.case import DATA, Case
from tests.contract.migrations.processes import Processes, job
from tests.contract.migrations.wiped import assert_empty, held, wiped

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


def test_a_wiped_engine_is_as_it_was_found(case: Case) -> None:
    with case.run() as run:
        up(run)
        # Milvus counts what is in memory.
        run.driver.seed({})
    case.fill()
    case.change(case.own)
    with case.run() as run:
        assert sum(one for one in held(run).values() if isinstance(one, int)) >= (1 if case.engine == "minio" else 3)
    with wiped(case):
        pass


@pytest.mark.parametrize("trials", [3, pytest.param(1000, marks=pytest.mark.full)], ids=["some", "each"])
@pytest.mark.timeout(1200)
def test_a_wipe_that_is_killed_leaves_an_engine_that_answers_and_can_be_wiped(
    case: Case, processes: Processes, trials: int
) -> None:
    with case.run() as run:
        up(run)
    case.fill()
    points = processes.run(case, DATA / case.engine, wipe=True).event("ended")["points"]
    assert len(points) >= 3
    runner = processes.start()
    for number in range(1, len(points) + 1)[:: max(1, len(points) // trials)]:
        with case.run() as run:
            up(run)
        case.fill()
        runner.kills(job(case, DATA / case.engine, wipe=True, at=number))
        with case.run() as run:
            run.driver.probe()
            run.driver.wipe()
            assert_empty(run)


@cases.only("postgres")
def test_of_postgresql_other_databases_go_and_roles_stay(case: Case) -> None:
    with case.run() as run:
        up(run)
    others = {"wipe_full": "CREATE TABLE notes AS SELECT generate_series(1, 5)", "wipe_closed": "SELECT"}
    with case.postgres() as connection:
        connection.execute("DROP ROLE IF EXISTS wipe_somebody")
        connection.execute("CREATE ROLE wipe_somebody")
        connection.execute("CREATE SCHEMA app")
        connection.execute("CREATE TABLE app.notes AS SELECT generate_series(1, 7)")
        connection.execute("CREATE TABLE parts (id int) PARTITION BY RANGE (id)")
        connection.execute("CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10)")
        connection.execute("INSERT INTO parts VALUES (1), (2)")
        connection.execute("ALTER TABLE parts OWNER TO wipe_somebody")
        connection.execute("SELECT lo_from_bytea(0, 'large')")
        connection.execute("ALTER DATABASE karen SET work_mem = '5MB'")
        for name in others:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    for name, statement in others.items():
        with connect({**case.coordination, "database": name}) as connection:
            connection.execute(statement.encode())
    with connect({**case.coordination, "database": "wipe_full"}) as reader, case.postgres() as writer:
        writer.execute("ALTER DATABASE wipe_closed ALLOW_CONNECTIONS false")
        with case.run() as run:
            assert held(run) == {"app.notes": 7, "books": 1, "parts": 2, "wipe_full/notes": 5, "wipe_closed/*": None}
        with wiped(case):
            pass
        for thrown_out in (reader, writer):
            with pytest.raises(psycopg.OperationalError):
                thrown_out.execute("SELECT")
    with case.postgres() as connection:
        names = connection.execute("SELECT datname FROM pg_database ORDER BY 1").fetchall()
        assert names == [("karen",), ("postgres",), ("template0",), ("template1",)]
        assert connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'karen'"
        ).fetchone() == ("karen",)
        assert connection.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchone() == (0,)
        assert connection.execute("SHOW work_mem").fetchone() != ("5MB",)
        connection.execute("DROP ROLE wipe_somebody")


@cases.only("postgres")
def test_applications_that_connect_again_and_again_are_no_hindrance(case: Case) -> None:
    done = threading.Event()
    connected, refused = [0], list[str]()

    def application() -> None:
        while not done.is_set():
            try:
                with psycopg.connect(**_keywords(case), autocommit=True) as connection:
                    connected[0] += 1
                    while not done.is_set():
                        connection.execute("SELECT pg_sleep(0.005)")
            except psycopg.OperationalError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=application) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            with wiped(case):
                pass
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert connected[0] > 8
    # Thrown out, or let in a moment too late; there always was a database of that name.
    assert any("terminating connection" in one for one in refused)


def _keywords(case: Case) -> dict[str, Any]:
    given = case.coordination
    return {**{key: given[key] for key in ("host", "port", "user", "password")}, "dbname": given["database"]}

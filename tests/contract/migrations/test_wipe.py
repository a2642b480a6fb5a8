"""An engine that is wiped is as it was found empty, whoever has put there what, and whenever that is cut off."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import psycopg
import pytest
from minio import Minio
from minio.commonconfig import ENABLED, GOVERNANCE
from minio.retention import Retention
from minio.versioningconfig import VersioningConfig
from psycopg import sql
from pymilvus import CollectionSchema, DataType, FieldSchema, MilvusClient

from init.engines.postgres_connection import connect
from init.runner.inspect import inspect
from init.runner.run import Run
from init.runner.up import up
from tests.contract.migrations import cases
from tests.contract.migrations.case import DATA, Case
from tests.contract.migrations.processes import Processes, job

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


def held(run: Run) -> dict[str, int]:
    return {name: count for name, count in run.driver.contents().items() if count}


def assert_empty(run: Run) -> None:
    assert (run.driver.ledger(), run.driver.objects(), run.driver.contents()) == ((), {}, {})


@contextmanager
def wiped(case: Case) -> Iterator[Run]:
    """Provide a run whose engine was wiped twice; afterwards its migrations can be applied as if it were new."""
    with case.run() as run:
        run.driver.wipe()
        run.driver.wipe()
        assert_empty(run)
        yield run
    with case.run() as run:
        assert [entry.name for entry in up(run)] == [file.name for file in case.files()]
        assert (inspect(run)["drift"], inspect(run)["mirrored"]) == ([], True)
        run.driver.verify()


def test_a_wiped_engine_is_as_it_was_found(case: Case) -> None:
    with case.run() as run:
        up(run)
        # Milvus counts what is in memory.
        run.driver.seed({})
    case.fill()
    case.change(case.own)
    with case.run() as run:
        assert sum(held(run).values()) >= (1 if case.engine == "minio" else 3)
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
            assert held(run) == {"app.notes": 7, "books": 1, "parts": 2, "wipe_full/notes": 5}
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


@cases.only("duckdb")
def test_of_duckdb_the_file_is_a_new_one_and_others_stay(case: Case) -> None:
    with case.run() as run:
        up(run)
    path = case.directory / "contract.db"
    beside = case.directory / "beside.parquet"
    beside.write_bytes(b"an application's")
    with duckdb.connect(str(path)) as connection:
        connection.execute('CREATE SCHEMA "a.b"; CREATE TABLE "a.b"."x ""y""" AS SELECT range AS n FROM range(9)')
        connection.execute("CREATE TYPE mood AS ENUM ('good'); CREATE MACRO twice(n) AS 2 * n; CREATE SEQUENCE counter")
    with duckdb.connect(str(path)) as connection:
        # What is only in the log has to go as well.
        connection.execute("PRAGMA disable_checkpoint_on_shutdown; CREATE TABLE logged AS SELECT 1 AS n")
    assert path.with_name("contract.db.wal").exists()
    with case.run() as run:
        assert held(run) == {'a.b.x "y"': 9, "books": 1, "logged": 1}
    with wiped(case):
        assert not path.with_name("contract.db.wal").exists()
    with duckdb.connect(str(path)) as connection:
        found = connection.execute("SELECT count(*) FROM duckdb_types() WHERE type_name = 'mood'").fetchone()
        assert found == (0,)
        with pytest.raises(duckdb.CatalogException):
            connection.execute("SELECT twice(2)")
    assert beside.read_bytes() == b"an application's"
    assert {one.name for one in case.directory.iterdir()} == {"contract.db", "contract.db.lease", beside.name}


@cases.only("elasticsearch")
def test_of_elasticsearch_the_servers_own_indices_stay(case: Case) -> None:
    with case.run() as run:
        up(run)
    # Together longer than what the server takes in one line.
    long = [f"{'long-name-' * 24}{number}" for number in range(17)]
    settings: dict[str, dict[str, Any]] = {
        "hidden": {"index.hidden": True},
        ".hidden": {"index.hidden": True},
        "read-only": {"index.blocks.read_only": True},
        "secret": {"index.blocks.metadata": True},
        "closed": {},
        **{name: {} for name in long},
    }
    with case._client() as client:  # type: ignore[attr-defined]
        client.security.put_user(username="kept", password="kept-password", roles=["superuser"])
        client.index(index="foreign", document={}, refresh=True)
        client.indices.put_alias(index="foreign", name="of-foreign", filter={"match_all": {}})
        for name, given in settings.items():
            client.indices.create(index=name, settings={"number_of_replicas": 0, **given}, wait_for_active_shards=0)
        client.indices.close(index="closed")
    with case.run() as run:
        assert held(run) == {"of-foreign": 1}
    with wiped(case), case._client() as client:  # type: ignore[attr-defined]
        left = client.indices.resolve_index(name="*", expand_wildcards="all")
        # The other one is of the copies that migrations make.
        assert {".security-7"} <= {one["name"] for one in left["indices"]} <= {".security-7", ".tasks"}
        assert client.options(basic_auth=("kept", "kept-password")).security.authenticate()["username"] == "kept"
        client.security.delete_user(username="kept")


@cases.only("milvus")
def test_of_milvus_every_database_is_emptied(case: Case) -> None:
    with case.run() as run:
        up(run)
    facts = case.connection
    schema = CollectionSchema(
        [FieldSchema("id", DataType.INT64, is_primary=True), FieldSchema("v", DataType.FLOAT_VECTOR, dim=2)]
    )

    def opened(database: str) -> MilvusClient:
        uri = f"http://{facts['host']}:{facts['port']}"
        return MilvusClient(uri=uri, user=facts["user"], password=facts["password"], db_name=database, dedicated=True)

    default = opened("default")
    default.create_database("wipe_other")
    for client, rows in ((default, 2), (opened("wipe_other"), 3)):
        client.create_collection("foreign", schema=schema)
        indexes = client.prepare_index_params()
        indexes.add_index("v", index_type="FLAT", metric_type="L2")
        client.create_index("foreign", indexes)
        client.load_collection("foreign")
        client.create_alias("foreign", "of_foreign")
        client.insert("foreign", [{"id": number, "v": [0.0, 1.0]} for number in range(rows)])
    opened("wipe_other").create_collection("not_loaded", schema=schema)
    with case.run() as run:
        assert held(run) == {"of_foreign": 2, "wipe_other/of_foreign": 3}
    with wiped(case):
        assert (default.list_databases(), default.list_collections()) == (["default"], [])
        assert default.list_aliases()["aliases"] == []
        assert facts["app_user"] in default.list_users()


@cases.only("minio")
def test_of_minio_every_version_goes_and_milvus_bucket_stays(case: Case) -> None:
    with case.run() as run:
        up(run)
    address = case.connection["endpoint"].removeprefix("http://")
    client = Minio(
        address, case.connection["access_key"], case.connection["secret_key"], secure=False, region="us-east-1"
    )
    with suppress(Exception):
        client.make_bucket("milvus-data")
    client.put_object("milvus-data", "segment", io.BytesIO(b"1"), 1)
    client.make_bucket("versioned")
    client.set_bucket_versioning("versioned", VersioningConfig(ENABLED))
    for _ in range(3):
        client.put_object("versioned", "deep/er/one", io.BytesIO(b"1"), 1)
    client.remove_object("versioned", "deep/er/one")
    client.make_bucket("locked", object_lock=True)
    client.put_object("locked", "kept", io.BytesIO(b"1"), 1)
    client.set_object_retention("locked", "kept", Retention(GOVERNANCE, datetime.now(UTC) + timedelta(days=9)))
    with case.run() as run:
        assert held(run) == {"locked": 1, "versioned": 4}
    with wiped(case):
        assert [bucket.name for bucket in client.list_buckets()] == ["milvus-data"]
        assert [one.object_name for one in client.list_objects("milvus-data", recursive=True)][-1:] == ["segment"]
    client.remove_object("milvus-data", "segment")

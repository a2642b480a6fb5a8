"""What is particular to an engine that is wiped: what goes with the data, and what of the server's own stays."""

import io
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from minio import Minio
from minio.commonconfig import ENABLED, GOVERNANCE
from minio.retention import Retention
from minio.versioningconfig import VersioningConfig
from pymilvus import CollectionSchema, DataType, FieldSchema, MilvusClient

from init.runner.up import up
from tests.contract.migrations import cases
from tests.contract.migrations.case import Case
from tests.contract.migrations.wiped import held, wiped

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


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
        assert held(run) == {"of-foreign": 1, "closed": None}
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
        assert held(run) == {"of_foreign": 2, "wipe_other/of_foreign": 3, "wipe_other/not_loaded": None}
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

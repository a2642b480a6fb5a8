"""`./karen reset` on a live stack: all that anybody has put there is gone, and it is as new, whatever was cut off."""

import io
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import docker
import pytest
from docker.errors import APIError, NotFound
from minio import Minio
from pymilvus import CollectionSchema, DataType, FieldSchema

from bootstrap import places
from components.naming import SERVICE_LABEL, STACK_LABEL
from init.resources.job import JOB_LABEL
from tests.e2e import clients
from tests.e2e.live import LiveStack
from tests.e2e.operate.test_servers import document, karen

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
BUCKETS = ["generated-lessons", "processed-chunks", "raw-documents", "system-artifacts"]
ALIASES = ["ai_karen_classifier", "ai_karen_documents", "ai_karen_memory"]


def minio(env: Mapping[str, str]) -> Minio:
    address = f"{env['MINIO_HOST']}:{env['MINIO_PORT']}"
    return Minio(address, env["MINIO_ACCESS_KEY"], env["MINIO_SECRET_KEY"], secure=False)


def fill(stack: LiveStack) -> None:
    """Put something into what migrations have made, and something of one's own beside it."""
    env = stack.variables()
    with clients.postgres(stack.administrators()) as postgres:
        postgres.execute("CREATE DATABASE foreign_database")
    with clients.postgres(env) as postgres:
        postgres.execute("INSERT INTO profiles (user_id) VALUES ('lost')")
        postgres.execute("CREATE TABLE foreign_notes AS SELECT generate_series(1, 5) AS n")
    clients.redis_client(env).mset({"lost": "1", "also": "2"})
    with clients.elasticsearch(env) as elasticsearch:
        elasticsearch.index(index="ai_karen_memory", document={"query": "lost"}, refresh=True)
        elasticsearch.index(index="foreign", document={"a": 1}, refresh=True)
    milvus = clients.milvus(env)
    persona = {"tenant_id": "t", "embedding": [1.0] + [0.0] * 383, "metadata": {}, "timestamp": 1, "version": 1}
    persona |= {"user_id": "lost", "persona_type": "default", "is_active": True, "confidence_score": 0.5}
    milvus.insert("persona_embeddings", [persona])
    fields = [FieldSchema("id", DataType.INT64, is_primary=True), FieldSchema("v", DataType.FLOAT_VECTOR, dim=2)]
    milvus.create_collection("foreign", schema=CollectionSchema(fields))
    milvus.close()
    storage = minio(env)
    storage.make_bucket("foreign")
    for bucket in ("foreign", "raw-documents"):
        storage.put_object(bucket, "lost", io.BytesIO(b"1"), 1)
    with clients.duckdb_file(env) as duckdb:
        duckdb.execute("INSERT INTO profiles (user_id) VALUES ('lost'); CREATE TABLE foreign_notes AS SELECT 1 AS n")


LOST = {
    "postgres": ["foreign_notes 5", "profiles 1"],
    "redis": ["db0 2"],
    "elasticsearch": ["ai_karen_memory 1", "foreign 1"],
    "milvus": ["persona_embeddings 1"],
    "minio": ["foreign 1", "raw-documents 1"],
    "duckdb": ["profiles 1", "foreign_notes 1"],
}


def contents(env: Mapping[str, str]) -> dict[str, Any]:
    """Return what is there, asked for as an application does."""
    with clients.postgres(env) as postgres:
        tables = postgres.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        rows = {
            name: postgres.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # type: ignore[index]
            for name in ("profiles", "classifier_training_data", "migration_history")
        }
        databases = postgres.execute("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1").fetchall()
    with clients.elasticsearch(env) as elasticsearch:
        aliases = sorted(elasticsearch.indices.get_alias(name="ai_karen_*").body)
        foreign = bool(elasticsearch.indices.exists(index="foreign"))
        documents = {name: elasticsearch.count(index=name)["count"] for name in ALIASES}
    milvus = clients.milvus(env)
    collections = sorted(name for name in milvus.list_collections() if "migrations" not in name)
    entities = milvus.query("persona_embeddings", filter="", output_fields=["count(*)"], consistency_level="Strong")
    milvus.close()
    storage = minio(env)
    objects = {name: len(list(storage.list_objects(name, include_version=True))) for name in BUCKETS}
    with clients.duckdb_file(env) as duckdb:
        profiles = duckdb.execute("SELECT count(*) FROM profiles").fetchone()
        own = duckdb.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'foreign_notes'").fetchone()
    return {
        "postgres": (tables, rows, databases),
        "redis": clients.redis_client(env).dbsize(),
        "elasticsearch": (aliases, documents, foreign),
        "milvus": (collections, entities[0]["count(*)"]),
        "minio": ([bucket.name for bucket in storage.list_buckets() if bucket.name != "milvus-data"], objects),
        "duckdb": (profiles, own),
    }


def servers(stack: LiveStack) -> dict[str, str]:
    """Return when each container was made and started."""
    client = docker.from_env()
    try:
        found = client.containers.list(filters={"label": [f"{STACK_LABEL}={stack.name}", SERVICE_LABEL]})
        return {str(one.name): f"{one.id} {one.attrs['State']['StartedAt']}" for one in found}
    finally:
        client.close()


def killed(stack: LiveStack) -> None:
    """Reset, and kill everything that does it as soon as the first engine is empty."""
    command = [str(places.CHECKOUT / "karen"), "reset", "--yes", "--stack", stack.name]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        assert any("emptied in" in line for line in process.stderr)
        os.killpg(process.pid, signal.SIGKILL)
    client = docker.from_env()
    for job in client.containers.list(filters={"label": f"{JOB_LABEL}=wipe-outside"}):
        try:
            job.kill()
        except (APIError, NotFound):
            # It was about to end.
            continue
    client.close()


@pytest.fixture
def newest(stack: LiveStack) -> Iterator[None]:
    """Have DuckDB at its newest version afterwards, however the test ended."""
    yield
    karen(stack, "migrate", "up", "duckdb", "--to", "latest", "--yes")


@pytest.mark.usefixtures("newest")
def test_what_anybody_has_put_there_is_gone_and_everything_is_as_new(stack: LiveStack) -> None:
    env = stack.variables()
    new, before = contents(env), servers(stack)
    karen(stack, "migrate", "down", "duckdb", "--to", "1", "--yes")
    fill(stack)
    full = contents(env)
    with clients.duckdb_file(env):
        refused = karen(stack, "reset", "--yes", code=1).stderr
    assert "duckdb: still in use" in refused
    assert refused.endswith("Nothing was touched.\n")
    unanswered = karen(stack, "reset", code=1)
    assert "nothing was changed. Fix: add --yes" in unanswered.stderr
    told = {line.partition(":")[0]: line for line in unanswered.stdout.splitlines()}
    assert {engine: [part for part in parts if part in told[engine]] for engine, parts in LOST.items()} == LOST
    assert contents(env) == full
    stack.pulumi("preview", "--expect-no-changes")

    killed(stack)
    # Whoever updates now initializes what is empty; here it is the same command.
    assert stack.pulumi("preview", "--expect-no-changes", check=False).returncode != 0
    clients.redis_client(env).set("lost", "again")
    answer = document(stack, "reset", "--yes")
    assert {one["engine"] for one in answer["engines"]} == set(LOST)
    # On a machine that has nothing else to do it is less than 30 s.
    assert answer["seconds"]["total"] < 90

    assert {one["engine"]: one["version"] for one in answer["engines"]}["duckdb"] == "001"
    assert servers(stack) == before
    assert stack.variables() == env
    stack.pulumi("preview", "--refresh", "--expect-no-changes")
    karen(stack, "migrate", "verify")
    karen(stack, "migrate", "up", "duckdb", "--to", "latest", "--yes")
    assert contents(env) == new
    stack.pulumi("preview", "--refresh", "--expect-no-changes")

"""Production beside development: nothing published, nobody anonymous, data kept unless erased by name."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping

import docker
import pytest

from components.duckdb import MOUNT
from components.images import reference
from components.naming import Naming
from policy.graph import VOLUME
from tests.e2e.live import SMALL, LiveStack
from tests.e2e.operate.test_servers import karen

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
SERVICES = ("postgres", "redis", "elasticsearch", "etcd", "minio", "milvus")
ENGINES = ("postgres", "redis", "elasticsearch", "milvus", "minio", "duckdb")


@pytest.fixture(scope="module")
def production() -> Iterator[LiveStack]:
    live = LiveStack("test-prod", {**SMALL, "mode": "production", "imageSource": "build"})
    live.create()
    try:
        live.up()
        yield live
    finally:
        live.erase()


def authority(live: LiveStack) -> dict[str, dict[str, str]]:
    """Return the volume with which an application's container verifies the servers, and where it has it."""
    return {f"ai-karen-{live.name}-authority-certificates": {"bind": "/run/ai-karen", "mode": "ro"}}


def in_network(live: LiveStack, program: str, variables: Mapping[str, str] | None = None) -> str:
    """Run a Python program in a container on the stack's network, with its variables or these, and return what it printed."""
    variables = variables or live.outputs()["env"]["network"]
    engine = docker.from_env()
    try:
        return engine.containers.run(
            reference("toolbox", "build"),
            ["-c", program],
            entrypoint="/opt/venv/bin/python",
            environment=dict(variables),
            network=f"ai-karen-db-{live.name}",
            volumes={
                **authority(live),
                Naming(stack=live.name).data_volume("duckdb", 1): {"bind": MOUNT, "mode": "rw"},
            },
            remove=True,
            stderr=True,
        ).decode()
    finally:
        engine.close()


def test_nothing_is_published(production: LiveStack) -> None:
    engine = docker.from_env()
    try:
        for service in SERVICES:
            container = engine.containers.get(production.container(service))
            assert not any(container.attrs["NetworkSettings"]["Ports"].values()), service
        assert engine.networks.get("ai-karen-db-test-prod").attrs["Internal"] is True
    finally:
        engine.close()


CLIENTS = """
import io, os, sys
import duckdb, psycopg, redis, urllib3
from elasticsearch import Elasticsearch
from minio import Minio
from pymilvus import MilvusClient

env = os.environ
sql = psycopg.connect(env["DATABASE_URL"], autocommit=True)
cache = redis.Redis.from_url(env["REDIS_URL"], decode_responses=True)
ca = env["KAREN_CA_CERTIFICATE"]
login = (env["ELASTICSEARCH_USER"], env["ELASTICSEARCH_PASSWORD"])
search = Elasticsearch("https://elasticsearch:9200", basic_auth=login, ca_certs=ca)
vectors = MilvusClient(uri="https://milvus:19530", server_pem_path=ca, token=env["MILVUS_USER"] + ":" + env["MILVUS_PASSWORD"])
storage = Minio("minio:9000", env["MINIO_ACCESS_KEY"], env["MINIO_SECRET_KEY"], http_client=urllib3.PoolManager(ca_certs=ca))
"""
WRITE = (
    CLIENTS
    + """
persona = {"tenant_id": "kept", "embedding": [1.0] + [0.0] * 383, "metadata": {}, "timestamp": 1, "version": 1}
persona |= {"persona_type": "default", "is_active": True, "confidence_score": 0.5}
for number in range(100):
    key = f"kept{number}"
    sql.execute("INSERT INTO system_config (config_key, config_value) VALUES (%s, '1') ON CONFLICT DO NOTHING", [key])
    cache.set(key, "1")
    search.index(index="ai_karen_documents", id=key, document={"tenant_id": "kept"})
    vectors.insert("persona_embeddings", [{"user_id": key, **persona}])
    storage.put_object("raw-documents", key, io.BytesIO(b"1"), 1)
    print(key)
with duckdb.connect(env["DUCKDB_PATH"]) as file:
    file.execute("INSERT OR REPLACE INTO profiles SELECT 'kept' || number, '{}', now() FROM range(100) AS numbers(number)")
"""
)
READ = (
    CLIENTS
    + """
search.indices.refresh(index="ai_karen_documents")
hits = search.search(index="ai_karen_documents", query={"term": {"tenant_id": "kept"}}, size=1000)["hits"]["hits"]
rows = vectors.query("persona_embeddings", filter='tenant_id == "kept"', output_fields=["user_id"], limit=1000,
                     consistency_level="Strong")
found = {
    "postgres": sorted(key for (key,) in sql.execute("SELECT config_key FROM system_config WHERE config_key LIKE 'kept%'")),
    "redis": sorted(cache.scan_iter(match="kept*")),
    "elasticsearch": sorted(hit["_id"] for hit in hits),
    "milvus": sorted(row["user_id"] for row in rows),
    "minio": sorted(one.object_name for one in storage.list_objects("raw-documents")),
    "duckdb": sorted(key for (key,) in duckdb.connect(env["DUCKDB_PATH"], read_only=True).sql("SELECT user_id FROM profiles").fetchall()),
}
import json
print(json.dumps(found))
"""
)


DELIVERED = (
    CLIENTS
    + """
import asyncio, json, time
from database.manager import DatabaseManager
from database.model import Memory
from database.outbox import entries
from database.settings import DatabaseSettings
from database.tenant import Tenant

async def main():
    async with DatabaseManager(DatabaseSettings.of(dict(env))) as db:
        await Tenant(db, "relayed").memories.write(Memory("user", "a question", None, [1.0] + [0.0] * 383, vector_id=1))
        deadline = time.monotonic() + 30
        lags = ["?"]
        while any(lags) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            async with db.postgres.transaction() as connection:
                found = await entries.lag(connection, ["elasticsearch", "milvus"])
            lags = [one.pending + one.dead_letters for one in found]

asyncio.run(main())
hit = search.get(index="ai_karen_memory", id="1")["_source"]
[row] = vectors.get("memory_embeddings", ids=[1], consistency_level="Strong")
print(json.dumps([hit["query"], hit["tenant_id"], row["tenant_id"]]))
"""
)


def test_the_relay_delivers_with_the_application_s_rights(production: LiveStack) -> None:
    """Over encrypted connections, and to Milvus by its gateway."""
    found = json.loads(in_network(production, DELIVERED).strip().splitlines()[-1])
    assert found == ["a question", "relayed", "relayed"]


def test_nothing_changes_when_nothing_changed(production: LiveStack) -> None:
    production.pulumi("preview", "--expect-no-changes")
    production.pulumi("refresh", "--yes", "--expect-no-changes")


def test_a_volume_is_not_replaced(production: LiveStack) -> None:
    resources = json.loads(production.pulumi("stack", "export").stdout)["deployment"]["resources"]
    volumes = [one["urn"] for one in resources if one["type"] == VOLUME]
    (urn,) = (one for one in volumes if one.endswith("::postgres-data"))
    refused = production.pulumi("preview", "--replace", urn, check=False)
    assert refused.returncode != 0
    assert "marked for protection" in refused.stdout + refused.stderr


def test_destroy_keeps_the_data_and_the_next_up_takes_it_over(production: LiveStack) -> None:
    """With and without a preview, destroy refuses what is protected; every write acknowledged before is there after."""
    acknowledged = sorted(in_network(production, WRITE).split())
    assert len(acknowledged) == 100
    karen(production, "destroy", "--yes")
    left = production.on_engine()
    assert (left["container"], left["network"]) == ([], [])
    for options in (["--yes"], ["--yes", "--skip-preview"]):
        refused = production.pulumi("destroy", *options, check=False)
        assert refused.returncode != 0
        assert "protected" in refused.stdout + refused.stderr
        assert set(production.on_engine()["volume"]) == set(left["volume"])
    production.up()
    found = json.loads(in_network(production, READ).strip().splitlines()[-1])
    assert found == dict.fromkeys(ENGINES, acknowledged)


def test_a_reset_needs_the_name_and_empties_what_nobody_outside_can_reach(production: LiveStack) -> None:
    in_network(production, WRITE)
    refused = karen(production, "reset", "--yes", code=1).stderr
    assert f"Fix: ./karen reset --stack {production.name} --confirm {production.name}" in refused
    variables = production.outputs()["env"]
    karen(production, "reset", "--confirm", production.name)
    found = json.loads(in_network(production, READ).strip().splitlines()[-1])
    assert found == {name: [] for name in ENGINES}
    assert production.outputs()["env"] == variables
    production.pulumi("preview", "--refresh", "--expect-no-changes")


def test_erasing_needs_the_name_and_leaves_nothing(production: LiveStack) -> None:
    def erase(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "ops.erase", "--stack", production.name, *arguments]
        return subprocess.run(
            command, env=production.environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )

    if not production.on_engine()["container"]:
        production.up()
    wrong = erase("--confirm", "dev")
    assert wrong.returncode == 1
    assert "nothing was removed" in wrong.stderr
    assert production.on_engine()["container"]
    done = erase("--confirm", production.name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not any(production.on_engine().values())

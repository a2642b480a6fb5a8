"""All passwords of a production stack, administrators' and Milvus' key for MinIO too, while an application in its network writes."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from components.images import reference
from ops.environment_file import render, write
from tests.e2e.backups.samples import karen
from tests.e2e.live import LiveStack
from tests.e2e.security.conftest import Secured
from tests.e2e.test_production import in_network

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]
_LONGEST_SECONDS = {"postgres": 10, "redis": 10, "elasticsearch": 10, "minio": 60, "milvus": 60}
_PROGRAM = Path(__file__).with_name("load_program.py")
READ = """
import io, json, os
import psycopg, redis
from elasticsearch import Elasticsearch
from minio import Minio
from pymilvus import MilvusClient

env = os.environ
search = Elasticsearch("http://elasticsearch:9200", basic_auth=(env["ELASTICSEARCH_USER"], env["ELASTICSEARCH_PASSWORD"]))
search.indices.refresh(index="ai_karen_documents")
hits, after = [], None
while True:
    page = search.search(index="ai_karen_documents", query={"term": {"tenant_id": "rotated"}}, size=5000, sort=["_doc"],
                         search_after=after, source=False)["hits"]["hits"]
    if not page:
        break
    hits += [one["_id"] for one in page]
    after = page[-1]["sort"]
vectors = MilvusClient(uri="http://milvus:19530", token=env["MILVUS_USER"] + ":" + env["MILVUS_PASSWORD"])
rows = vectors.query("persona_embeddings", filter='tenant_id == "rotated"', output_fields=["user_id"], limit=16000,
                     consistency_level="Strong")
storage = Minio("minio:9000", env["MINIO_ACCESS_KEY"], env["MINIO_SECRET_KEY"], secure=False)
found = {
    "postgres": [key for (key,) in psycopg.connect(env["DATABASE_URL"]).execute("SELECT config_key FROM system_config")],
    "redis": [key.decode() for key in redis.Redis.from_url(env["REDIS_URL"]).scan_iter(match="rotated*", count=1000)],
    "elasticsearch": hits,
    "milvus": [row["user_id"] for row in rows],
    "minio": [one.object_name for one in storage.list_objects("raw-documents")],
}
print(json.dumps(found))
"""


@contextmanager
def application(live: LiveStack, directory: Path) -> Iterator[dict[str, tuple[list[int], float]]]:
    """Have an application write from the stack's network while the body runs; afterwards, what it told is in the dictionary."""
    told: dict[str, tuple[list[int], float]] = {}
    engine = docker.from_env()
    container = engine.containers.run(
        reference("toolbox", "build"),
        ["-c", _PROGRAM.read_text()],
        entrypoint="/opt/venv/bin/python",
        network=f"ai-karen-db-{live.name}",
        volumes={str(directory): {"bind": "/env", "mode": "ro"}},
        user="0:0",
        detach=True,
    )
    try:
        time.sleep(5)
        yield told
        time.sleep(2)
        (directory / "stop").touch()
        assert container.wait(timeout=120)["StatusCode"] == 0, container.logs(tail=20).decode()
        told.update(json.loads(container.logs(stderr=False).decode().strip().splitlines()[-1]))
    finally:
        container.remove(force=True)
        engine.close()


@pytest.mark.parametrize("count", [1, pytest.param(20, marks=pytest.mark.full)])
def test_everything_rotates_under_load(secured: Secured, tmp_path: Path, count: int) -> None:
    production = secured.live
    file = tmp_path / "app.env"
    write(file, render(production.outputs()["env"]["network"]))
    former = production.outputs()["env"]["network"]
    with application(production, tmp_path) as told:
        for _ in range(count):
            done = karen(production, "rotate", "all", "--yes", "--env-file", str(file), "--from", "network")
            assert "milvus and minio are started again" in done.stdout
    there = json.loads(in_network(production, READ).strip().splitlines()[-1])
    for name, (acknowledged, longest) in told.items():
        print(f"{name}: {len(acknowledged)} acknowledged, refused for {longest:.1f} s at most")
        assert {f"rotated{number}" for number in acknowledged} <= set(there[name]), name
        assert longest <= _LONGEST_SECONDS[name], name
    now = production.outputs()["env"]["network"]
    secrets = [key for key in now if key.endswith(("PASSWORD", "SECRET_KEY"))]
    assert len(secrets) == 6
    assert all(now[key] != former[key] for key in secrets)
    production.pulumi("preview", "--refresh", "--expect-no-changes")
    karen(production, "doctor")

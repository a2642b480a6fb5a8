"""All passwords of a production stack, administrators' and Milvus' key for MinIO too, while an application in its network writes."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from components.images import reference
from monitor.leases import TTL_SECONDS
from ops.environment_file import render, write
from tests.e2e.backups.samples import karen
from tests.e2e.live import LiveStack
from tests.e2e.rotation.rotating import STEPS, killed_at
from tests.e2e.security.conftest import GIVEN, Secured
from tests.e2e.test_production import authority, in_network

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(4800)]
_LONGEST_SECONDS = {"postgres": 10, "redis": 10, "elasticsearch": 10, "minio": 60, "milvus": 60}
# What `rotate --application` leaves as it is restarts nothing.
_APPLICATION_SECONDS = 10
_PROGRAM = Path(__file__).with_name("load_program.py")
READ = """
import io, json, os
import psycopg, redis, urllib3
from elasticsearch import Elasticsearch
from minio import Minio
from pymilvus import MilvusClient

env = os.environ
ca = env["KAREN_CA_CERTIFICATE"]
login = (env["ELASTICSEARCH_USER"], env["ELASTICSEARCH_PASSWORD"])
search = Elasticsearch("https://elasticsearch:9200", basic_auth=login, ca_certs=ca)
search.indices.refresh(index="ai_karen_documents")
hits, after = [], None
while True:
    page = search.search(index="ai_karen_documents", query={"term": {"tenant_id": "rotated"}}, size=5000, sort=["_doc"],
                         search_after=after, source=False)["hits"]["hits"]
    if not page:
        break
    hits += [one["_id"] for one in page]
    after = page[-1]["sort"]
vectors = MilvusClient(uri="https://milvus:19530", server_pem_path=ca, token=env["MILVUS_USER"] + ":" + env["MILVUS_PASSWORD"])
pages, rows = vectors.query_iterator("persona_embeddings", filter='tenant_id == "rotated"', output_fields=["user_id"],
                                     batch_size=5000, consistency_level="Strong"), []
while page := pages.next():
    rows += page
storage = Minio("minio:9000", env["MINIO_ACCESS_KEY"], env["MINIO_SECRET_KEY"],
                http_client=urllib3.PoolManager(ca_certs=ca))
found = {
    "postgres": [key for (key,) in psycopg.connect(env["DATABASE_URL"]).execute("SELECT config_key FROM system_config")],
    "redis": [key.decode() for key in redis.Redis.from_url(env["REDIS_URL"]).scan_iter(match="rotated*", count=1000)],
    "elasticsearch": hits,
    "milvus": [row["user_id"] for row in rows],
    "minio": [one.object_name for one in storage.list_objects("raw-documents")],
}
print(json.dumps(found))
"""


# Who comes with what was good before.
FORMER = """
import json, os
import psycopg, redis, urllib3
from elasticsearch import AuthenticationException, Elasticsearch
from minio import Minio
from minio.error import S3Error
from pymilvus import MilvusClient, MilvusException

env = os.environ
ca = env["KAREN_CA_CERTIFICATE"]
search = {"hosts": "https://elasticsearch:9200", "ca_certs": ca}
storage = Minio("minio:9000", env["MINIO_ACCESS_KEY"], env["MINIO_SECRET_KEY"], http_client=urllib3.PoolManager(ca_certs=ca))
place = {"host": "postgres", "dbname": env["POSTGRES_DB"], "sslmode": "verify-full", "sslrootcert": ca}
cache = {"host": "redis", "ssl": True, "ssl_ca_certs": ca}
ATTEMPTS = {
    "postgres": (psycopg.OperationalError, lambda: psycopg.connect(user=env["POSTGRES_USER"], password=env["POSTGRES_PASSWORD"], **place)),
    "postgres reader": (psycopg.OperationalError, lambda: psycopg.connect(user=env["POSTGRES_READER"], password=env["POSTGRES_READER_PASSWORD"], **place)),
    "redis": (redis.AuthenticationError, lambda: redis.Redis(password=env["REDIS_PASSWORD"], **cache).ping()),
    "redis reader": (redis.AuthenticationError, lambda: redis.Redis(username=env["REDIS_READER"], password=env["REDIS_READER_PASSWORD"], **cache).ping()),
    "elasticsearch": (AuthenticationException, lambda: Elasticsearch(basic_auth=(env["ELASTICSEARCH_USER"], env["ELASTICSEARCH_PASSWORD"]), **search).info()),
    "elasticsearch reader": (AuthenticationException, lambda: Elasticsearch(basic_auth=(env["ELASTICSEARCH_READER"], env["ELASTICSEARCH_READER_PASSWORD"]), **search).info()),
    "milvus": (MilvusException, lambda: MilvusClient(uri="https://milvus:19530", server_pem_path=ca, timeout=10,
                                                    user=env["MILVUS_USER"], password=env["MILVUS_PASSWORD"]).list_collections()),
    "minio": (S3Error, lambda: storage.bucket_exists("raw-documents")),
}
found = {}
for name, (refused, attempt) in ATTEMPTS.items():
    try:
        attempt()
    except refused as error:
        found[name] = f"refused: {error}"
    else:
        found[name] = "let in"
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
        volumes={str(directory): {"bind": "/env", "mode": "ro"}, **authority(live)},
        user="0:0",
        detach=True,
    )
    try:
        time.sleep(5)
        yield told
        time.sleep(2)
        (directory / "stop").touch()
        assert container.wait(timeout=120)["StatusCode"] == 0, container.logs(tail=20).decode()
        lines = container.logs(stdout=False).decode().splitlines()
        print(*(line for line in lines if line.startswith("application: ")), sep="\n")
        told.update(json.loads(container.logs(stderr=False).decode().strip().splitlines()[-1]))
    finally:
        container.remove(force=True)
        engine.close()


def generated_only(live: LiveStack) -> None:
    """Take out what somebody has set, which stays as it is set."""
    own = [f"ai-karen-db:{key}" for key in GIVEN if key.endswith("Password") and not key.startswith("alert")]
    live.pulumi("config", "rm-all", *own)


def kept(live: LiveStack, told: dict[str, tuple[list[int], float]], longest_seconds: Mapping[str, float]) -> None:
    """See that every engine has what it has acknowledged, and has refused nobody for longer than this."""
    there = json.loads(in_network(live, READ).strip().splitlines()[-1])
    for name, (acknowledged, longest) in told.items():
        print(f"{name}: {len(acknowledged)} acknowledged, refused for {longest:.1f} s at most")
        assert {f"rotated{number}" for number in acknowledged} <= set(there[name]), name
        assert longest <= longest_seconds[name], name


@pytest.mark.parametrize("count", [1, pytest.param(20, marks=pytest.mark.full)])
def test_everything_rotates_under_load(secured: Secured, tmp_path: Path, count: int) -> None:
    production = secured.live
    generated_only(production)
    file = tmp_path / "app.env"
    write(file, render(production.outputs()["env"]["network"]))
    former = production.outputs()["env"]["network"]
    with application(production, tmp_path) as told:
        for _ in range(count):
            done = karen(production, "rotate", "all", "--yes", "--env-file", str(file), "--from", "network")
            assert "milvus and minio are started again" in done.stdout
    kept(production, told, _LONGEST_SECONDS)
    now = production.outputs()["env"]["network"]
    secrets = [key for key in now if key.endswith(("PASSWORD", "SECRET_KEY"))]
    assert len(secrets) == 8
    assert all(now[key] != former[key] for key in secrets)
    found = json.loads(in_network(production, FORMER, former).strip().splitlines()[-1])
    assert {name for name, answer in found.items() if answer == "let in"} == set()
    assert len(found) == len(secrets)
    production.pulumi("preview", "--refresh", "--expect-no-changes")
    karen(production, "doctor")


@pytest.mark.full
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_same_command_finishes_it_for_every_engine(
    secured: Secured, tmp_path: Path, step: str
) -> None:
    production, file = secured.live, tmp_path / "app.env"
    generated_only(production)
    former = production.outputs()["env"]["network"]
    write(file, render(former))
    # Before that, those that were of the configuration until now are changed, of which there is no note.
    after = "issue:" if step != "issue:" else ""
    killed_at(production, file, step, later=1.0, after=after, form="network")
    # The maintenance of the one that was killed is over then.
    time.sleep(TTL_SECONDS)
    told = ("rotate", "all", "--yes", "--env-file", str(file), "--from", "network", "--json")
    assert json.loads(karen(production, *told).stdout)["resumed"] is True
    for variables, answer in ((former, False), (None, True)):
        found = json.loads(in_network(production, FORMER, variables).strip().splitlines()[-1])
        assert {one == "let in" for one in found.values()} == {answer}, found
    production.pulumi("preview", "--refresh", "--expect-no-changes")


@pytest.mark.full
def test_applications_are_refused_for_moments_alone(secured: Secured, tmp_path: Path) -> None:
    """Where nothing has to be started again for it, for ten seconds at most, whichever the engine."""
    production, file = secured.live, tmp_path / "app.env"
    write(file, render(production.outputs()["env"]["network"]))
    with application(production, tmp_path) as told:
        command = ("rotate", "all", "--application", "--yes", "--env-file", str(file), "--from", "network")
        assert "started again: up to" not in karen(production, *command).stdout
    kept(production, told, dict.fromkeys(told, _APPLICATION_SECONDS))

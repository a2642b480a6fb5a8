"""Production beside development: nothing published, nobody anonymous, data kept unless erased by name."""

import subprocess
import sys
import uuid
from collections.abc import Iterator

import docker
import pytest

from components.images import reference
from tests.e2e.live import SMALL, LiveStack, healthy

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
SERVICES = ("postgres", "redis", "elasticsearch", "etcd", "minio", "milvus")


@pytest.fixture(scope="module")
def production() -> Iterator[LiveStack]:
    live = LiveStack("test-prod", {**SMALL, "mode": "production", "imageSource": "build"})
    live.create()
    try:
        live.up()
        yield live
    finally:
        live.erase()


def inside(live: LiveStack, service: str, line: str) -> tuple[int, str]:
    """Run a shell line in a service's container, as its user."""
    engine = docker.from_env()
    try:
        code, output = engine.containers.get(live.container(service)).exec_run(["sh", "-c", line])
        assert isinstance(output, bytes)
        return int(code or 0), output.decode(errors="replace")
    finally:
        engine.close()


def postgres(live: LiveStack, statement: str) -> str:
    """Run a statement over the server's own socket, which needs no password."""
    code, output = inside(live, "postgres", f'psql -v ON_ERROR_STOP=1 -At -U karen_user -d ai_karen -c "{statement}"')
    assert code == 0, output
    return output.strip()


def in_network(live: LiveStack, program: str) -> str:
    """Run a Python program in a container on the stack's network, as an application would be; return what it printed."""
    engine = docker.from_env()
    try:
        return engine.containers.run(
            reference("toolbox", "build"),
            ["-c", program],
            entrypoint="/opt/venv/bin/python",
            network=f"ai-karen-db-{live.name}",
            remove=True,
            stderr=True,
        ).decode()
    finally:
        engine.close()


ANONYMOUS = """
import json, urllib.error, urllib.request
import psycopg, redis
from pymilvus import MilvusClient

found = {}
def attempt(name, call):
    try:
        found[name] = f"accepted: {call()}"
    except urllib.error.HTTPError as error:
        found[name] = f"refused {error.code}"
    except Exception as error:
        found[name] = f"refused {type(error).__name__}"

attempt("postgres", lambda: psycopg.connect(host="postgres", user="karen_user", dbname="ai_karen", password="x", connect_timeout=5))
attempt("redis", lambda: redis.Redis("redis").set("a", "b"))
attempt("elasticsearch", lambda: urllib.request.urlopen("http://elasticsearch:9200/_search", timeout=5).read())
attempt("minio", lambda: urllib.request.urlopen("http://minio:9000/raw-documents", timeout=5).read())
attempt("milvus", lambda: MilvusClient(uri="http://milvus:19530", timeout=5).list_collections())
attempt("milvus default password", lambda: MilvusClient(uri="http://milvus:19530", token="root:Milvus", timeout=5).list_collections())
print(json.dumps(found))
"""


def test_nothing_is_published(production: LiveStack) -> None:
    engine = docker.from_env()
    try:
        for service in SERVICES:
            container = engine.containers.get(production.container(service))
            assert not any(container.attrs["NetworkSettings"]["Ports"].values()), service
        assert engine.networks.get("ai-karen-db-test-prod").attrs["Internal"] is True
    finally:
        engine.close()


def test_nobody_is_let_in_without_a_password(production: LiveStack) -> None:
    import json

    found = json.loads(in_network(production, ANONYMOUS).strip().splitlines()[-1])
    assert {name: answer for name, answer in found.items() if not answer.startswith("refused")} == {}


def test_the_network_form_of_the_environment_lets_an_application_in(production: LiveStack) -> None:
    env = production.outputs()["env"]["network"]
    program = f"""
import psycopg, redis
from pymilvus import MilvusClient
from elasticsearch import Elasticsearch
env = {env!r}
print(psycopg.connect(env["DATABASE_URL"]).execute("SELECT 1").fetchone())
print(redis.Redis.from_url(env["REDIS_URL"]).set("a", "b"))
print(len(MilvusClient(uri="http://milvus:19530", token=env["MILVUS_USER"] + ":" + env["MILVUS_PASSWORD"]).list_collections()))
print(Elasticsearch("http://elasticsearch:9200", basic_auth=(env["ELASTICSEARCH_USER"], env["ELASTICSEARCH_PASSWORD"])).ping())
"""
    assert in_network(production, program).split() == ["(1,)", "True", "2", "True"]


def test_nothing_changes_when_nothing_changed(production: LiveStack) -> None:
    production.pulumi("preview", "--expect-no-changes")
    production.pulumi("refresh", "--yes", "--expect-no-changes")


def test_destroy_keeps_the_data_and_the_next_up_takes_it_over(production: LiveStack) -> None:
    marker = uuid.uuid4().hex
    postgres(production, f"CREATE TABLE kept AS SELECT '{marker}'::text AS marker")
    production.pulumi("destroy", "--yes", "--skip-preview", "--exclude-protected")
    left = production.on_engine()
    assert left["container"] == []
    assert "ai-karen-test-prod-postgres-data" in left["volume"]
    refused = production.pulumi("destroy", "--yes", "--skip-preview", check=False)
    assert refused.returncode != 0
    assert production.on_engine()["volume"] == left["volume"]
    production.up()
    healthy(production.container("postgres"))
    assert postgres(production, "SELECT marker FROM kept") == marker


def test_erasing_needs_the_name_and_leaves_nothing(production: LiveStack) -> None:
    def erase(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "ops.erase", "--stack", production.name, *arguments]
        return subprocess.run(
            command, env=production.environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )

    wrong = erase("--confirm", "dev")
    assert wrong.returncode == 1
    assert "nothing was removed" in wrong.stderr
    assert production.on_engine()["container"]
    done = erase("--confirm", production.name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not any(production.on_engine().values())

"""`start`, `stop`, `restart`, `logs` and `connect` on a live stack: in order, with everything there afterwards."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import docker
import psycopg
import pytest
import redis
from pymilvus import MilvusException
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from bootstrap import places
from tests.e2e import clients, writers
from tests.e2e.live import LiveStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
ENGINES = {"postgres", "redis", "elasticsearch", "etcd", "minio", "milvus"}
SERVERS = ENGINES | {"relay"}


def karen(stack: LiveStack, *arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [str(places.CHECKOUT / "karen"), *arguments, "--stack", stack.name],
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def document(stack: LiveStack, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(karen(stack, *arguments, "--json").stdout)
    return found


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


def facts(engine: docker.DockerClient, stack: LiveStack, service: str) -> dict[str, Any]:
    found: dict[str, Any] = engine.api.inspect_container(stack.container(service))["State"]
    return found


def test_stopped_in_order_and_started_again_everything_is_there(stack: LiveStack, engine: docker.DockerClient) -> None:
    env = stack.variables()
    with clients.postgres(env) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        connection.execute("INSERT INTO kept VALUES (42)")
    clients.redis_client(env).set("kept", "42")
    clients.elasticsearch(env).index(index="ai_karen_memory", id="kept", document={"query": "kept"}, refresh=True)
    vectors = writers.milvus(env, "kept")
    vectors.write(42)
    try:
        told = document(stack, "stop")
        assert {one["service"] for one in told["services"]} == SERVERS
        for service in SERVERS:
            state = facts(engine, stack, service)
            assert (state["Status"], state["OOMKilled"]) == ("exited", False)
            # 143 is how a Java virtual machine that was asked to end, and did so in order, reports it.
            assert state["ExitCode"] in (0, 143), service
        ended = {service: facts(engine, stack, service)["FinishedAt"] for service in SERVERS}
        assert ended["milvus"] < min(ended["etcd"], ended["minio"])
        assert document(stack, "stop")["changed"] is False
        refused = karen(stack, "start", "milvus", code=1).stderr
        assert "etcd, minio is needed and does not run. Fix: ./karen start etcd minio milvus" in refused
    finally:
        told = document(stack, "start")
    assert {one["service"] for one in told["services"]} == SERVERS
    began = {service: facts(engine, stack, service)["StartedAt"] for service in SERVERS}
    assert began["milvus"] > max(began["etcd"], began["minio"])
    assert {facts(engine, stack, service)["Health"]["Status"] for service in SERVERS} == {"healthy"}
    with clients.postgres(env) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (42,)
        connection.execute("DROP TABLE kept")
    assert clients.redis_client(env).getdel("kept") == "42"
    client = clients.elasticsearch(env)
    assert client.get(index="ai_karen_memory", id="kept")["_source"] == {"query": "kept"}
    client.delete(index="ai_karen_memory", id="kept", refresh=True)
    client.close()
    # Milvus is healthy before it has loaded its collections again.
    loaded = Retrying(retry=retry_if_exception_type(MilvusException), stop=stop_after_delay(120), wait=wait_fixed(0.5))
    assert loaded(vectors.read) == {42}
    with closing(clients.milvus(env)) as milvus:
        milvus.delete("persona_embeddings", filter='user_id == "kept.42"')
    stack.pulumi("preview", "--refresh", "--expect-no-changes")


def test_what_needs_a_server_goes_with_it(stack: LiveStack, engine: docker.DockerClient) -> None:
    refused = karen(stack, "stop", "etcd", code=1).stderr
    assert "milvus needs etcd. Fix: ./karen stop milvus etcd" in refused
    before = {service: facts(engine, stack, service)["StartedAt"] for service in SERVERS}
    restarted = karen(stack, "restart", "etcd", "--json")
    assert " collections flushed" in restarted.stderr
    assert {one["service"] for one in json.loads(restarted.stdout)["services"]} == {"etcd", "milvus"}
    after = {service: facts(engine, stack, service)["StartedAt"] for service in SERVERS}
    assert {service for service in SERVERS if before[service] != after[service]} == {"etcd", "milvus"}


def test_logs_are_merged_by_time(stack: LiveStack) -> None:
    lines = [json.loads(line) for line in karen(stack, "logs", "--json", "--tail", "20").stdout.splitlines()]
    assert {line["service"] for line in lines} == SERVERS
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    with clients.postgres(stack.variables()) as connection, pytest.raises(psycopg.Error):
        connection.execute("SELECT missing_for_the_log")
    found = karen(stack, "logs", "postgres", "--since", "1m", "--grep", "MISSING_for_the").stdout.splitlines()
    assert found
    assert all(line.startswith("postgres ") and "missing_for_the_log" in line for line in found)
    assert karen(stack, "logs", "oracle", code=2).stderr.startswith("The stack test has no server oracle; it has ")


def test_an_address_is_one_that_answers(stack: LiveStack) -> None:
    url = karen(stack, "connect", "postgres", "--format", "url").stdout.strip()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    url = karen(stack, "connect", "redis", "--format", "url").stdout.strip()
    assert redis.Redis.from_url(url).ping()
    inside = document(stack, "connect", "--from", "network")["services"]
    assert inside["elasticsearch"]["ELASTICSEARCH_HOST"] == "elasticsearch"


def test_the_status_tells_every_server_and_decides_the_exit_code(stack: LiveStack, engine: docker.DockerClient) -> None:
    rows = {row["service"]: row for row in document(stack, "status")["services"]}
    assert set(rows) == {*SERVERS, "duckdb"}
    assert rows["duckdb"]["state"] == "file"
    assert rows["duckdb"]["version"]
    for service in SERVERS:
        row = rows[service]
        assert row["state"] == "healthy"
        assert 0 < row["memory_bytes"] < row["memory_limit_bytes"]
    for service in ENGINES:
        row = rows[service]
        assert row["volume_bytes"] is None or row["volume_bytes"] > 0
        assert row["version"]
    assert rows["postgres"]["schema_version"] == "004"
    container = engine.containers.get(stack.container("redis"))
    container.pause()
    try:
        told = json.loads(karen(stack, "status", "--json", code=1).stdout)
    finally:
        container.unpause()
    assert told["message"] == "redis is paused."


def test_the_picture_is_the_recorded_graph_s(stack: LiveStack) -> None:
    waits = document(stack, "graph")["waits_for"]
    assert set(waits["milvus"]) == {"etcd", "milvus data", "minio"}
    assert "flowchart LR" in karen(stack, "graph").stdout
    assert karen(stack, "graph", "--format", "svg").stdout.startswith("<svg ")
    assert "allowed: mermaid, svg" in karen(stack, "graph", "--format", "png", code=2).stderr


def test_health_asks_every_engine_and_names_the_cause_of_a_cascade(
    stack: LiveStack, engine: docker.DockerClient
) -> None:
    told = document(stack, "health")
    assert told["status"] == "healthy"
    assert {row["service"] for row in told["services"]} == {*ENGINES, "duckdb"}
    assert all(row["latency"] > 0 for row in told["services"])
    container = engine.containers.get(stack.container("etcd"))
    container.pause()
    try:
        told = json.loads(karen(stack, "health", "--json", code=1).stdout)
    finally:
        container.unpause()
    assert (told["status"], told["causes"]) == ("degraded", ["etcd"])


def test_health_waits_for_collections_that_are_not_back_in_memory(stack: LiveStack) -> None:
    """As after a start of Milvus."""
    client = clients.milvus(stack.variables())
    name = min(one for one in client.list_collections() if one.endswith("_v001"))
    client.release_collection(name)
    try:
        with subprocess.Popen(
            [str(places.CHECKOUT / "karen"), "health", "--stack", stack.name], stderr=subprocess.PIPE, text=True
        ) as asking:
            assert asking.stderr is not None
            assert any("waiting for what is being loaded" in line for line in asking.stderr)
            client.load_collection(name)
            asking.stderr.read()
        assert asking.returncode == 0
    finally:
        client.load_collection(name)
        client.close()


@pytest.mark.parametrize(
    ("service", "statement", "answer"),
    [
        ("postgres", "SELECT 6 * 7;\n", "42"),
        ("redis", "ECHO forty-two\n", "forty-two"),
        ("duckdb", "print(client.execute('SELECT 6 * 7').fetchone())\n", "(42,)"),
        ("elasticsearch", "print(client.info()['cluster_name'])\n", "ai-karen"),
        ("milvus", "print(sorted(client.list_collections())[-1])\n", "persona_embeddings_v001"),
        ("minio", "print([one.name for one in client.list_buckets()][-1])\n", "system-artifacts"),
    ],
)
def test_a_shell_is_the_engine_s_own_client(
    stack: LiveStack, engine: docker.DockerClient, service: str, statement: str, answer: str
) -> None:
    done = subprocess.run(
        [str(places.CHECKOUT / "karen"), "shell", service, "--stack", stack.name],
        input=statement, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert answer in done.stdout
    assert engine.api.containers(all=True, filters={"label": "com.ai-karen.job=shell-outside"}) == []

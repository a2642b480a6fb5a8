"""Servers in order, addresses in every form, and what is refused before anything is asked."""

import ast
import json
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import docker
import pytest
from typer.testing import CliRunner

from ops import graph
from ops.cli.app import app
from ops.cli.errors import NotAsked
from ops.cli.services import connect, health, logs, shell, status
from ops.drawing import svg

VARIABLES = {
    "DATABASE_URL": "postgresql://karen:p%40ss@127.0.0.1:5432/ai_karen",
    "POSTGRES_PASSWORD": "p@ss $'\"",
    "REDIS_URL": "redis://:secret@127.0.0.1:6379/0",
    "MILVUS_HOST": "127.0.0.1", "MILVUS_PORT": "19530", "MILVUS_USER": "", "MILVUS_PASSWORD": "",
    "MINIO_HOST": "127.0.0.1", "MINIO_PORT": "9000", "MINIO_ACCESS_KEY": "karen", "MINIO_SECRET_KEY": "a/b@c",
    "DUCKDB_PATH": "/data/karen.db",
    "ENABLE_MILVUS": "true",
}  # fmt: skip


def resource(urn: str, kind: str, *dependencies: str, parent: str = "") -> dict[str, Any]:
    return {
        "urn": f"u::{urn}",
        "type": kind,
        "dependencies": [f"u::{one}" for one in dependencies],
        "parent": f"u::{parent}",
    }


def test_servers_wait_for_servers_whatever_is_between() -> None:
    resources = [
        resource("etcd-container", graph.CONTAINER),
        resource("minio-container", graph.CONTAINER),
        resource("minio-initialization", "other", "minio-container"),
        resource("milvus", "component", "etcd-container"),
        resource("milvus-container", graph.CONTAINER, "minio-initialization", parent="milvus"),
        {**resource("old-container", graph.CONTAINER), "delete": True},
    ]
    waits = graph.servers(resources)
    assert waits == {"etcd": set(), "minio": set(), "milvus": {"etcd", "minio"}}
    assert graph.layers(waits, list(waits)) == [["etcd", "minio"], ["milvus"]]
    assert graph.layers(waits, ["milvus", "etcd"]) == [["etcd"], ["milvus"]]


def test_every_form_of_an_address() -> None:
    found = {name: connect.of(name, VARIABLES) for name in ("postgres", "redis", "milvus", "minio", "duckdb")}
    assert connect.url("postgres", found["postgres"]) == VARIABLES["DATABASE_URL"]
    assert connect.url("milvus", found["milvus"]) == "http://127.0.0.1:19530"
    assert connect.url("minio", found["minio"]) == "http://karen:a%2Fb%40c@127.0.0.1:9000"
    assert "ENABLE_MILVUS" not in found["milvus"]
    text = connect.RENDERED["env"]("dev", "host", {"postgres": {"DATABASE_URL": VARIABLES["DATABASE_URL"]}})
    assert shlex.split(text) == [f"DATABASE_URL={VARIABLES['DATABASE_URL']}"]
    ast.parse(connect.RENDERED["python"]("dev", "host", found))
    told, line = connect.RENDERED["docker"]("prod", "network", found).splitlines()
    assert "./karen connect --format env --from network --stack prod" in told
    assert line.startswith("docker run --rm -it --network ai-karen-db-prod -e DATABASE_URL")
    assert " -v ai-karen-prod-duckdb-data:/data IMAGE" in line
    # What a process list shows has no password in it.
    assert "p%40ss" not in line


def test_a_shell_reads_back_any_password() -> None:
    password = "p@ss $'\"`\\ $(false) end"
    text = connect.RENDERED["env"]("dev", "host", {"postgres": {"POSTGRES_PASSWORD": password, "POSTGRES_DB": "a"}})
    program = f'set -eua\n{text}\nprintf %s "$POSTGRES_PASSWORD"'
    assert subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=True).stdout == password


def test_a_time_is_so_long_ago_or_as_it_is_written() -> None:
    ago = logs._since("10m")
    assert ago is not None
    assert timedelta(seconds=595) < datetime.now(UTC) - ago < timedelta(seconds=605)
    assert logs._since("2026-01-31T12:00:00+01:00") == datetime(2026, 1, 31, 11, tzinfo=UTC)
    assert logs._since(None) is None
    with pytest.raises(NotAsked, match="--since is 'yesterday'; allowed: 90s"):
        logs._since("yesterday")
    for early in ("999999d", f"{10**30}d", "1969-12-31T12:00"):
        with pytest.raises(NotAsked, match="allowed: a time after 1970"):
            logs._since(early)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["connect", "--format", "xml"], "--format is 'xml'; allowed: env, url, python, docker"),
        (["connect", "--from", "moon"], "--from is 'moon'; allowed: host, network"),
        (["connect", "--stack", "nowhere"], "The stack nowhere is not up. Fix: make up STACK=nowhere"),
        (["logs", "--grep", "("], "--grep is '('"),
        (["logs", "--since", "soon"], "--since is 'soon'"),
    ],
)
def test_bad_input_is_one_sentence_and_one_document(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert words in result.stderr
    told = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert (told["exit"], told["error"]) == (2, result.stderr.strip())


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(None, "–"), (5, "5s"), (65, "1m 5s"), (3660, "1h 1m"), (90_000, "1d 1h"), (3 * 86400 + 7200, "3d 2h")],
)
def test_a_duration_has_its_two_largest_units(seconds: int | None, told: str) -> None:
    assert status._ago(seconds) == told


def test_a_drawing_has_every_node_to_the_right_of_what_it_waits_for() -> None:
    text = svg({"a": "first", "b": "<second>", "c": "third"}, {"a": [], "b": ["a"], "c": ["a", "b"]})
    root = ElementTree.fromstring(text)  # noqa: S314 - our own text
    place = {}
    for box, told in zip(
        root.iter("{http://www.w3.org/2000/svg}rect"), root.iter("{http://www.w3.org/2000/svg}text"), strict=True
    ):
        place[told.text] = int(box.attrib["x"])
    assert place["first"] < place["<second>"] < place["third"]
    assert len(list(root.iter("{http://www.w3.org/2000/svg}line"))) == 3


def test_a_cascade_has_one_cause() -> None:
    waits = {"etcd": set[str](), "minio": set[str](), "milvus": {"etcd", "minio"}, "postgres": set[str]()}
    good, bad = {"status": "healthy"}, {"status": "failed"}
    answers = {"etcd": good, "minio": good, "milvus": good, "postgres": good}
    states = dict.fromkeys(answers, "healthy")
    assert health.causes(answers, states, waits) == {}
    assert health.summary(answers) == "healthy"
    down = {**answers, "milvus": bad, "etcd": bad}
    assert health.causes(down, {**states, "etcd": "exited"}, waits) == {"milvus": "etcd", "etcd": "etcd"}
    assert health.summary(down) == "degraded"
    assert health.causes({**answers, "milvus": bad}, states, waits) == {"milvus": "milvus"}
    assert health.summary({**answers, "postgres": bad}) == "down"
    assert health.summary({**answers, "duckdb": {"status": "in use"}}) == "healthy"
    # The query was answered, and the container is not well all the same.
    causes = health.causes(answers, {**states, "etcd": "unhealthy"}, waits)
    assert causes == {"etcd": "etcd"}
    rows = {name: {**answer, "cause": causes.get(name)} for name, answer in answers.items()}
    assert health.summary(rows) == "degraded"


def test_where_nobody_may_look_a_volume_is_told_by_its_disk() -> None:
    row = {"volume_bytes": None, "disk": {"used": 43, "limit": 100}}
    assert status._volume(row) == "disk 43%"
    assert status._volume({**row, "volume_bytes": 5 * 1024**2}) == "5M"
    assert status._volume({**row, "disk": None}) == "–"


def test_a_docker_command_that_sees_another_engine_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    removed: list[bool] = []
    container = SimpleNamespace(id="abc", remove=lambda **_: removed.append(True))
    api = SimpleNamespace(inspect_network=lambda _: {"Internal": False})
    client = SimpleNamespace(api=api, containers=SimpleNamespace(run=lambda *_, **__: container), close=lambda: None)
    job = {"image": "i", "user": "u", "network": "n", "volumes": {}, "engines": {"minio": {}}}
    monkeypatch.setattr(docker, "from_env", lambda: client)
    monkeypatch.setattr(shell, "described", lambda _: job)
    with (
        pytest.raises(NotAsked, match=r"No such container.*Fix: set DOCKER_HOST"),
        shell._toolbox(_other(tmp_path), "dev", "minio"),
    ):
        raise AssertionError
    assert removed == [True]


def _other(directory: Path) -> str:
    """Return a docker command that knows no container."""
    path = directory / "docker"
    path.write_text("#!/bin/sh\necho 'Error: No such container: abc' >&2\nexit 1\n")
    path.chmod(0o755)
    return str(path)

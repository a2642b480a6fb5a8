"""What ends a command: one sentence with the fix, the right code, a document with --json, and never a traceback."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest
import requests
from docker.errors import DockerException
from typer.testing import CliRunner, Result

from bootstrap import places, state
from ops import pulumi
from ops.cli.app import app
from ops.cli.migrate import pins
from ops.cli.services import jobs, lifecycle, samples
from tests.unit.containers import Engine, refusal

STATE = {
    "resources": [
        {
            "urn": "urn::postgres-initialization",
            "type": "pulumi-python:dynamic/karen:Initialization",
            "outputs": {"service": "postgres", "schema_version": "003"},
        }
    ]
}
JOB = {
    "stack": "dev", "image": "image", "user": "1", "network": "network", "backend": "backend", "volumes": {}, "engines": {"postgres": {}},
}  # fmt: skip
SERVERS = [["status"], ["start"], ["stop"], ["restart"], ["logs"], ["logs", "-f"], ["shell", "redis"]]
ASKED = [["health"], ["reset", "--yes"], ["shell", "minio"]]
by_name = pytest.mark.parametrize("command", [*SERVERS, *ASKED], ids=" ".join)


@pytest.fixture(autouse=True)
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack that Pulumi has recorded; return the file that it is recorded in."""
    monkeypatch.setenv("KAREN_HOME", str(tmp_path))
    monkeypatch.setenv("KAREN_MAINTENANCE", "a test")
    # Of these the environment's place is computed.
    for name in ("requirements.txt", "requirements-dev.txt"):
        shutil.copy(places.CHECKOUT / name, tmp_path)
    monkeypatch.setattr(places, "CHECKOUT", tmp_path)
    monkeypatch.setattr(jobs, "described", lambda _: JOB)
    monkeypatch.setattr("ops.cli.services.shell.described", lambda _: JOB | {"engines": {"minio": {}}})
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/usr/bin/{name}")
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  ai-karen-db:imageSource: registry\n")
    path = state.stack_file("dev")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"checkpoint": {"latest": STATE}}))
    return path


def ended(command: list[str], code: int, *words: str) -> None:
    """Run a command with and without --json; both tell the same."""
    result = invoke(command)
    assert (result.exit_code, type(result.exception)) == (code, SystemExit), result.exception
    told = result.stderr.splitlines()[-1]
    assert all(word in told for word in words), told
    assert "Fix: " in told
    if command[0] != "shell":
        document = json.loads(invoke([*command, "--json"]).stdout)
        assert (document["exit"], document["error"], document["stack"]) == (code, told, "dev")


def invoke(command: list[str]) -> Result:
    return CliRunner().invoke(app, command, prog_name="./karen")


@by_name
def test_an_engine_that_is_not_there(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'no.sock'}")
    ended(command, 2, "container engine" if command in SERVERS else "")


@by_name
def test_an_engine_that_this_user_may_not_use(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> None:
        raise DockerException("Error while fetching server API version: PermissionError(13, 'Permission denied')")

    monkeypatch.setattr(docker, "from_env", refused)
    ended(command, 2, "Permission denied")


@pytest.mark.parametrize("command", SERVERS, ids=" ".join)
@pytest.mark.parametrize("trouble", [requests.ReadTimeout("Read timed out."), refusal("out of memory")], ids=str)
def test_an_engine_that_does_not_do_it(command: list[str], trouble: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(redis=True)
    engine.trouble = trouble
    monkeypatch.setattr(docker, "from_env", lambda **_: engine.client)
    ended(command, 2, "did not do what it was asked", "Fix: ./karen doctor --stack dev")


def test_a_container_that_was_replaced_since_it_was_listed_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(redis=False, etcd=refusal("No such container", 404))
    monkeypatch.setattr(docker, "from_env", lambda **_: engine.client)
    monkeypatch.setattr(samples, "_sample", lambda *_: samples.Sample())
    result = invoke(["status", "--json"])
    assert [one["service"] for one in json.loads(result.stdout)["services"]] == ["redis", "postgres"]


def test_a_server_that_the_engine_does_not_start_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    marks: list[tuple[str, bool]] = []
    engine = Engine(redis=False)
    monkeypatch.setattr(docker, "from_env", lambda **_: engine.client)
    monkeypatch.setattr(engine, "start", raising(refusal("port is already allocated")))

    def mark(_: str, names: list[str], *, stopped: bool) -> None:
        marks.extend((name, stopped) for name in names)

    monkeypatch.setattr(lifecycle, "mark_stopped", mark)
    ended(["start"], 1, "redis", "port is already allocated", "Fix: ./karen doctor --stack dev")
    # It is not stopped on purpose any more, though nobody could start it.
    assert set(marks) == {("redis", False)}


@pytest.mark.parametrize("text", ["", "{", '{"checkpoint": ', "[]", '{"other": 1}', "\udcff"])
@pytest.mark.parametrize("command", [["status"], ["graph"], ["health"], ["connect"], ["stop"], ["migrate", "status"]])
def test_a_state_that_is_damaged(command: list[str], text: str, stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.cli.recorded._PAUSE_SECONDS", 0)
    monkeypatch.setattr(docker, "from_env", lambda **_: Engine(redis=True).client)
    stack.write_bytes(text.encode(errors="surrogateescape"))
    ended(command, 2, "is not what Pulumi writes", f"Fix: restore {stack} from dev.json.bak")


@pytest.mark.parametrize("command", [["graph"], ["health"], ["stop"]])
def test_a_state_that_is_somebody_elses(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "from_env", lambda **_: Engine(redis=True).client)
    monkeypatch.setattr(state, "recorded", raising(PermissionError(13, "Permission denied")))
    ended(command, 2, "cannot be read: Permission denied", "Fix: sudo chown")


@pytest.mark.parametrize("content", [b"a: b: c", b"- a", b"word", b"config: [1]", b"config: text", b"\xff\xfe\xff"])
@pytest.mark.parametrize("command", [["reset"], ["config"], ["migrate", "status"]], ids=" ".join)
def test_a_configuration_that_is_no_configuration(command: list[str], content: bytes, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_bytes(content)
    ended(command, 2, "Pulumi.dev.yaml", "Fix: correct it, or git restore Pulumi.dev.yaml")


def test_a_number_as_a_key_is_a_key(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  5: x\n")
    assert pins.configuration("dev") == {"5": "x"}


@pytest.mark.parametrize("command", [["reset", "--yes"], ["migrate", "down", "postgres"]], ids=" ".join)
def test_a_stack_that_is_locked(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.test_cli_changes import Stack, with_way_back
    from tests.unit.test_cli_known import FILES, known

    told = Stack(known(files=(*FILES[:2], with_way_back())))
    monkeypatch.setattr("ops.cli.migrate.backward.survey", told.survey)
    monkeypatch.setattr("ops.cli.services.reset._problems", lambda *_: [])
    locks = tmp_path / "state" / ".pulumi" / "locks" / "organization" / places.PROJECT / "dev"
    locks.mkdir(parents=True)
    (locks / "one.json").write_text(json.dumps({"pid": 1, "hostname": "another", "timestamp": "2026-01-01"}))
    result = invoke([*command, "--yes"])
    assert result.exit_code == 1
    assert "is locked by process 1 on another" in result.stderr
    assert "pulumi cancel --stack dev" in result.stderr
    document = json.loads(invoke([*command, "--yes", "--json"]).stdout)
    assert (document["exit"], "is locked by" in document["error"]) == (1, True)


@pytest.mark.parametrize("command", [["connect"], ["connect", "redis", "--format", "docker"]], ids=" ".join)
def test_another_passphrase_is_told_as_that(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    words = "error: could not get secrets\n  manager: incorrect passphrase, please set PULUMI_CONFIG_PASSPHRASE"
    monkeypatch.setattr("ops.cli.telling.outputs", raising(pulumi.PulumiError(words)))
    ended(command, 2, "the passphrase is not the stack's. Fix: restore", "Pulumi.dev.passphrase")


def test_a_setting_that_only_pulumi_can_read_is_no_mistake(tmp_path: Path) -> None:
    text = (
        "config:\n  ai-karen-db:redisMemory:\n    secure: v1:abc\n  ai-karen-db:postgresSchemaVersion:\n    secure: x\n"
    )
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    result = invoke(["config", "redisMemory", "--json"])
    (row,) = json.loads(result.stdout)["settings"]
    assert (result.exit_code, row["value"], row["source"]) == (0, "[secret]", "Pulumi.dev.yaml")
    # Where the value decides, it is asked for.
    ended(["reset", "--yes"], 2, "postgresSchemaVersion is stored as a secret", "--stack dev")


def raising(error: Exception) -> Callable[..., Mapping[str, Any]]:
    def raise_it(*_: object, **__: object) -> Mapping[str, Any]:
        raise error

    return raise_it

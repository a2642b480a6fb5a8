"""Where a restore reads from: a stack's own target, a directory, a bucket; and the command that asks for the same again."""

import shlex
from pathlib import Path

import pytest

from backup.keys import IdentityFile
from ops.backups import jobs
from ops.backups.reporting import Reporter
from ops.backups.stack import StackBackups
from ops.cli.app import app
from ops.cli.backup.asked import Asked
from ops.cli.backup.places import Place, place
from ops.cli.errors import NotAsked
from tests.unit.backup.hosting import Machine, machine
from tests.unit.backup.making import IDENTITY, OTHER_SIGNER, SIGNER, STACK, directory, made

__all__ = ["machine"]
BUCKET = {"kind": "bucket", "bucket": "b", "endpoint": "https://e", "access_key": "a", "secret_key": "s"}


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    file = tmp_path / "dev.identity"
    file.write_text(IdentityFile.render(STACK, IDENTITY, SIGNER.public))
    return file


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of somebody who has a bucket's keys."""
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "who")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    return monkeypatch


def test_a_stacks_own_target_is_mounted_elsewhere_with_its_options(machine: Machine) -> None:
    machine.outputs["operations"]["backups"]["volumes"] = {"/target:nocopy": "t", "/target2": "u", "/staging": "s"}
    found = place(STACK, target=None, identity=None)
    assert found.target == {"kind": "directory", "path": "/source"}
    assert found.volumes == {"/source:nocopy": "t"}
    assert (found.identity, found.trust, found.outside) == (IDENTITY, (SIGNER.public,), False)


def test_a_stacks_own_bucket_is_outside(machine: Machine) -> None:
    machine.outputs["operations"]["backups"]["configuration"]["target"] = BUCKET
    found = place(STACK, target=None, identity=None)
    assert (found.target, found.volumes, found.outside) == (BUCKET, {}, True)


def test_a_job_leads_outside_only_where_it_has_to_and_its_stack_does_not(machine: Machine) -> None:
    made(directory(machine.target))

    def joined(*, outside: bool, network: str | None = None) -> tuple[str, ...]:
        found = StackBackups.of(STACK)
        request = {"configuration": found.configuration}
        jobs.ask(found, "find", request, Reporter(), outside=outside, network=network)
        return machine.jobs[-1][0].others

    assert joined(outside=True) == ()
    machine.outputs["operations"]["backups"]["outside"] = "ai-karen-operations-dev"
    assert joined(outside=False) == joined(outside=True, network="container:1") == ()
    assert joined(outside=True) == ("ai-karen-operations-dev",)


def test_a_directory_is_absolute_and_read_only(identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sets").mkdir()
    monkeypatch.chdir(tmp_path)
    for target in ("sets", "./sets/", str(tmp_path / "sets")):
        found = place(STACK, target=target, identity=identity)
        assert found.volumes == {"/source:ro": str(tmp_path / "sets")}
        assert found.target == {"kind": "directory", "path": "/source"}
        assert not found.outside


def test_a_bucket_has_amazons_endpoint_unless_another_is_named(identity: Path, keys: pytest.MonkeyPatch) -> None:
    from backup.targets import open_target

    found = place(STACK, target="s3://sets/of/karen/", identity=identity)
    assert found.outside
    assert "hidden" not in repr(found)
    assert {key: found.target[key] for key in ("endpoint", "region", "bucket", "prefix")} == {
        "endpoint": "https://s3.us-east-1.amazonaws.com",
        "region": "us-east-1",
        "bucket": "sets",
        "prefix": "of/karen",
    }
    assert "sets" in str(open_target(found.target))
    keys.setenv("AWS_REGION", "eu-central-1")
    assert place(STACK, target="s3://sets", identity=identity).target["endpoint"] == (
        "https://s3.eu-central-1.amazonaws.com"
    )
    keys.setenv("AWS_ENDPOINT_URL", "http://10.0.0.1:9000")
    assert place(STACK, target="s3://sets", identity=identity).target["endpoint"] == "http://10.0.0.1:9000"


def refusal(target: str, identity: Path | None) -> str:
    with pytest.raises(NotAsked) as caught:
        place(STACK, target=target, identity=identity)
    assert "Fix: " in str(caught.value)
    return str(caught.value)


def test_what_is_no_place_is_refused(identity: Path, tmp_path: Path, keys: pytest.MonkeyPatch) -> None:
    (tmp_path / "a:b").mkdir()
    assert "needs --identity" in refusal("s3://sets", None)
    assert "no directory" in refusal(str(tmp_path / "absent"), identity)
    assert "no directory" in refusal(str(identity), identity)
    assert "colon" in refusal(str(tmp_path / "a:b"), identity)
    keys.delenv("AWS_SECRET_ACCESS_KEY")
    assert "AWS_SECRET_ACCESS_KEY" in refusal("s3://sets", identity)


def test_only_the_keys_of_a_given_identity_are_trusted(machine: Machine, tmp_path: Path) -> None:
    made(directory(machine.target))
    file = tmp_path / "other.identity"
    file.write_text(IdentityFile.render(STACK, IDENTITY, OTHER_SIGNER.public))
    found: Place = place(STACK, target=str(machine.target), identity=file)
    assert found.trust == (OTHER_SIGNER.public,)


@pytest.mark.parametrize(
    "asked",
    [
        Asked(stack="dev", into="dev"),
        Asked(
            stack="prod",
            into="dev",
            wanted="kept",
            only=("redis", "milvus"),
            at="2026-11-22 10:15:00+01:00",
            mask=Path("a file.sql"),
            identity=Path("x.identity"),
            target="/mnt/my sets",
        ),
    ],
)
def test_the_command_of_a_restore_asks_for_the_same(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Asked] = []

    def restore(_: object, again: Asked) -> int:
        found.append(again)
        return 0

    monkeypatch.setattr("ops.cli.backup.restoring.restore", restore)
    program, *words = shlex.split(asked.command)
    app(words, prog_name=program, standalone_mode=False)
    assert found == [asked]

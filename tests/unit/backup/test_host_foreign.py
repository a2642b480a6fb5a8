"""A target that is closed to the user who restores: its jobs read it with one capability, as who they are, and no other job has one."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from backup.keys import IdentityFile
from init.resources.job import JobError, JobSpec
from ops.backups.reporting import Reporter
from ops.backups.stack import StackBackups
from ops.backups.steps import Steps
from ops.cli.backup.asked import Asked
from ops.cli.backup.choosing import choose
from ops.cli.backup.places import Place, place
from tests.unit.backup import apart
from tests.unit.backup.hosting import Machine, machine
from tests.unit.backup.making import IDENTITY, SIGNER, STACK, directory, made

__all__ = ["machine"]
_TOOLBOX, _SERVER, _ROOT = "10001:10001", "999:999", "0:0"
ASKED = Asked(stack=STACK, into=STACK, only=("postgres",))
_ALL = ("DAC_READ_SEARCH", "SETUID", "SETGID")


def rights(machine: Machine) -> list[tuple[str, str, tuple[str, ...], str | None]]:
    """Return, of each job, its step, who it starts as with which capabilities, and who it becomes."""

    def of(spec: JobSpec) -> tuple[str, tuple[str, ...]]:
        return spec.user, spec.capabilities

    return [(request["step"], *of(spec), request.get("become")) for spec, request in machine.jobs]


def steps(machine: Machine, found: Place, engine: str) -> Steps:
    """Return the steps of a restore whose jobs do nothing."""
    into = StackBackups.of(STACK)
    for step in ("load", "exchange", "finish", "discard"):
        machine.trouble[f"{step} {engine}"] = JobError("it does nothing")
    taken: dict[str, dict[str, Any]] = {engine: {"details": {}}}
    return Steps(
        into=into, reporter=Reporter(quiet=True), taken=taken, sets={engine: "a"}, source=found.request,
        volumes=found.volumes, foreign=found.foreign,
    )  # fmt: skip


def test_only_what_reads_a_target_as_a_servers_user_may_read_everything(machine: Machine) -> None:
    redis = {"container": "c", "image": "i", "volume": "v", "user": _SERVER, "path": "/d"}
    recorded = machine.outputs["operations"]["backups"]
    recorded["servers"]["redis"], recorded["configuration"]["engines"]["redis"] = redis, {}
    made(directory(machine.target))
    found = place(STACK, target=None, identity=None)
    choose(StackBackups.of(STACK), found, ASKED, Reporter(quiet=True))
    for engine in ("redis", "milvus"):
        restoring = steps(machine, found, engine)
        with pytest.raises(JobError, match="nothing"):
            restoring.load(engine, {}, "")
        with pytest.raises(JobError, match="nothing"):
            restoring.finish(engine)
        restoring.discard([engine])
    assert rights(machine) == [
        ("find", _TOOLBOX, (), None),
        ("check", _TOOLBOX, (), None),
        ("load", _ROOT, _ALL, _SERVER),
        ("finish", _SERVER, (), None),
        ("discard", _SERVER, (), None),
        # It belongs to the user who does what is asked of the running server.
        ("load", _TOOLBOX, (), None),
        ("finish", _TOOLBOX, (), None),
        ("discard", _TOOLBOX, (), None),
    ]


def test_what_belongs_to_nobody_knows_whom_or_to_another_stack_is_read_so_too(machine: Machine, tmp_path: Path) -> None:
    made(directory(machine.target))
    identity = tmp_path / "dev.identity"
    identity.write_text(IdentityFile.render(STACK, IDENTITY, SIGNER.public))
    named = place(STACK, target=str(machine.target), identity=identity)
    own = place(STACK, target=None, identity=None)
    machine.outputs["operations"]["backups"]["user"] = "1000:1000"
    into = StackBackups.of(STACK)
    for found in (named, own):
        machine.jobs.clear()
        choose(into, found, ASKED, Reporter(quiet=True))
        assert rights(machine) == [(step, _ROOT, _ALL, "1000:1000") for step in ("find", "check")]


def test_a_bucket_is_open_to_every_user() -> None:
    bucket = Place(stack=STACK, target={"kind": "bucket"}, volumes={}, identity="", trust=(), owner=_TOOLBOX)
    assert not bucket.foreign(_SERVER)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_a_closed_directory_is_read_and_not_written(tmp_path: Path) -> None:
    manifest = made(directory(tmp_path / "target"))
    for path in (tmp_path / "target", *(tmp_path / "target").rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    code = """
import json, os, sys
from backup.actions import act
from backup.targets.directory import Directory
from init.protocol import Failure
from pathlib import Path
request, path = json.loads(sys.argv[1]), Path(sys.argv[2])
found = act(request)
print(found["manifest"]["id"], found["report"]["files"], os.getresuid(), os.getgroups())
try:
    with Directory(path).write("more"):
        pass
except Failure as failure:
    print(failure.kind)
"""
    request = {
        "step": "check", "stack": STACK, "set": manifest.id, "trust": [SIGNER.public], "identity": IDENTITY,
        "target": {"kind": "directory", "path": str(tmp_path / "target")}, "become": _SERVER,
    }  # fmt: skip
    lines = apart.run(code, json.dumps(request), str(tmp_path / "target")).splitlines()
    assert lines[-2:] == [f"{manifest.id} 5 (999, 999, 999) []", "TargetFailed"]
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o700

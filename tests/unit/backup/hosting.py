"""The host's commands with jobs that run in this process, on directories in place of volumes: neither containers nor Pulumi."""

import contextlib
import copy
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bootstrap import places
from init import protocol
from init.actions import handle, redact
from init.protocol import Failure
from init.resources.job import JobError, JobSpec
from ops.cli.app import app
from tests.unit.backup.making import IDENTITY, RECIPIENT, SEED, SIGNER, STACK

_INITIALIZATION = "pulumi-python:dynamic/karen:Initialization"
PASSWORD = "the-password-of-redis"
ENGINES = {
    "postgres": {"host": "postgres", "user": "karen", "password": PASSWORD, "database": "karen"},
    "milvus": {"host": "milvus"},
}


@dataclass
class Machine:
    """A machine with one stack, whose sets lie in `target`; `jobs` are those that were run, with their requests."""

    home: Path
    target: Path
    outputs: dict[str, Any]
    jobs: list[tuple[JobSpec, dict[str, Any]]] = field(default_factory=list)
    trouble: dict[str, JobError] = field(default_factory=dict)

    @property
    def steps(self) -> list[str]:
        """Return the steps of the jobs, with the engine where there is one."""
        return [" ".join(filter(None, (one["step"], one.get("engine")))) for _, one in self.jobs]

    def karen(self, *words: str) -> Result:
        """Run a command."""
        return CliRunner().invoke(app, list(words), prog_name="./karen", env={"COLUMNS": "300"})

    def document(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Run a command, and return the one document that it has printed."""
        done = self.karen(*words, "--json")
        assert done.exit_code == code, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        assert found["schema"] == 1
        return found


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A stack that is up as far as its state tells it, with an empty target."""
    home, target, staging = (tmp_path / name for name in ("home", "target", "staging"))
    stacks = home / "state" / ".pulumi" / "stacks" / places.PROJECT
    for directory in (stacks, target, staging):
        directory.mkdir(parents=True)
    resources = [
        {"urn": f"u::{name}", "type": _INITIALIZATION, "outputs": {"service": name, "schema_version": "003"}}
        for name in ENGINES
    ]
    (stacks / f"{STACK}.json").write_text(json.dumps({"checkpoint": {"latest": {"resources": resources}}}))
    monkeypatch.setenv("KAREN_HOME", str(home))
    found = Machine(home, target, {"operations": {"backups": recorded(target, staging)}})
    monkeypatch.setattr("ops.backups.stack.told_outputs", lambda _: found.outputs)
    monkeypatch.setattr("ops.backups.jobs.Job", _job(found))
    return found


def recorded(target: Path, staging: Path) -> dict[str, Any]:
    """Return what Pulumi has recorded of a stack's backups."""
    return {
        "stack": STACK,
        "image": "ai-karen-db/toolbox:1",
        "network": "ai-karen-db",
        "outside": "",
        "user": "10001:10001",
        "volumes": {"/target": str(target), "/staging/backups:nocopy": str(staging), "/operations:ro": "operations"},
        "configuration": {
            "stack": STACK,
            "engines": copy.deepcopy(ENGINES),
            "recipient": RECIPIENT,
            "signing": SEED,
            "target": {"kind": "directory", "path": "/target"},
            "schedule": "0 2 * * *",
            "keep": "last=1",
            "staging": str(staging),
            "software": "ai-karen-db/toolbox:1",
        },
        "recipient": RECIPIENT,
        "public": SIGNER.public,
        "identity": IDENTITY,
        "signing": SEED,
        "servers": {
            name: {"container": f"c-{name}", "image": "i", "volume": f"v-{name}", "user": "999:999", "path": "/d"}
            for name in ENGINES
        },
    }


def _job(machine: Machine) -> type:
    class Job:
        """Does what a container would, its mounts being directories of this machine."""

        def __init__(self, spec: JobSpec) -> None:
            self.spec = spec

        def __enter__(self) -> "Job":
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing is left."""

        def run(self, request: Mapping[str, Any], *, tell: Callable[[str], None]) -> dict[str, Any]:
            sent = json.loads(json.dumps(dict(request)))
            machine.jobs.append((self.spec, sent))
            for key in (sent["step"], f"{sent['step']} {sent.get('engine')}"):
                if key in machine.trouble:
                    raise machine.trouble[key]
            log = io.StringIO()
            with contextlib.redirect_stderr(log):
                reply = _reply(_mounted(sent, self.spec))
            for line in log.getvalue().splitlines():
                tell(line)
            if reply["ok"]:
                return dict(reply["result"])
            error = reply["error"]
            raise JobError(f"backup: {error['kind']}: {error['message']}. Fix: {error['fix']}", error["kind"])

    return Job


def _reply(request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return json.loads(json.dumps(protocol.success(handle(request))))  # type: ignore[no-any-return]
    except Failure as failure:
        return protocol.failure(redact(failure, request))


def _mounted(request: dict[str, Any], spec: JobSpec) -> dict[str, Any]:
    """Return a request whose target and data are where the job's volumes are in truth, and which leaves the process its user."""
    request = {key: value for key, value in request.items() if key != "become"}
    mounts = {path.partition(":")[0]: volume for path, volume in spec.volumes.items()}
    for holder in (request, request.get("configuration") or {}):
        if "path" in (holder.get("target") or {}):
            holder["target"] = {**holder["target"], "path": mounts[holder["target"]["path"]]}
    if "volume" in (request.get("connection") or {}):
        request["connection"] = {**request["connection"], "volume": mounts[request["connection"]["volume"]]}
    return request

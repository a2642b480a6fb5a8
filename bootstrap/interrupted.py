"""What an update that was killed leaves behind: its lock, and things that it was making and could not record.

Pulumi records what it is about to make before it makes it, so everything unrecorded is named in the state. A container or
network that was being made holds no data and is in the way of the next update; volumes are left, and taken over by it.
"""

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import docker
from docker.errors import NotFound

from bootstrap import places, state
from bootstrap.console import StepError, say
from components.naming import STACK_LABEL

_STEP = "interrupted"
_PULUMI = "pulumi"
# Zombie and dead: proc_pid_stat(5).
_ENDED = ("Z", "X")
_CONTAINER = "docker:index/container:Container"
_NETWORK = "docker:index/network:Network"


def recover(stack: str, *, development: bool) -> None:
    """Return when the next update of a stack finds nothing in its way that a killed one has left."""
    if _release_locks(stack, development=development):
        # An update that somebody runs now is nobody's leftover.
        return
    latest = state.recorded(stack)
    unfinished = [one for one in latest.get("pending_operations") or () if one["type"] == "creating"]
    if not unfinished:
        return
    recorded = {str(one.get("id")) for one in latest.get("resources") or ()}
    client = docker.from_env()
    try:
        for operation in unfinished:
            _remove(client, stack, operation["resource"], recorded)
    finally:
        client.close()
    _forget(stack, development=development)
    say(_STEP, f"the last update of {stack} was killed; {len(unfinished)} unfinished resources are made anew")


def _release_locks(stack: str, *, development: bool) -> bool:
    """Release locks of this host's ended processes; True when a lock is left."""
    directory = places.home() / "state" / ".pulumi" / "locks" / "organization" / places.PROJECT / stack
    try:
        locks = [json.loads(path.read_text(encoding="utf-8")) for path in directory.glob("*.json")]
    except (FileNotFoundError, ValueError):
        # An update ends just now, or begins.
        return True
    if not locks:
        return False
    if any(lock["hostname"] != socket.gethostname() or is_running(int(lock["pid"])) for lock in locks):
        return True
    _pulumi(stack, "cancel", "--yes", development=development)
    say(_STEP, f"the lock of an ended process on {stack} is released")
    return False


def is_running(pid: int) -> bool:
    """Whether a process is Pulumi and has not ended: one that nobody has waited for stays in /proc, and a number comes again."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    name, rest = text.partition("(")[2].rsplit(")", 1)
    return name == _PULUMI and rest.split()[0] not in _ENDED


def _remove(client: docker.DockerClient, stack: str, resource: dict[str, Any], recorded: set[str]) -> None:
    """Remove the container or network that carries the resource's name, if it is this stack's and not recorded."""
    kind, name = resource["type"], (resource.get("inputs") or {}).get("name")
    if kind not in (_CONTAINER, _NETWORK) or not isinstance(name, str):
        return
    inspect = client.api.inspect_container if kind == _CONTAINER else client.api.inspect_network
    try:
        facts = inspect(name)
    except NotFound:
        return
    labels = facts["Config"]["Labels"] if kind == _CONTAINER else facts["Labels"]
    if facts["Id"] in recorded or (labels or {}).get(STACK_LABEL) != stack:
        return
    if kind == _CONTAINER:
        client.api.remove_container(facts["Id"], force=True)
    else:
        client.api.remove_network(facts["Id"])


def _forget(stack: str, *, development: bool) -> None:
    """Take the pending operations out of the state, in which secrets stay encrypted."""
    document = json.loads(_pulumi(stack, "stack", "export", development=development))
    document["deployment"].pop("pending_operations", None)
    _pulumi(stack, "stack", "import", development=development, text=json.dumps(document))


def _pulumi(stack: str, *arguments: str, development: bool, text: str | None = None) -> str:
    environment = places.pulumi_environment(stack, development=development)
    command = [shutil.which("pulumi", path=environment["PATH"]) or "pulumi", *arguments, "--stack", stack]
    done = subprocess.run(
        command,
        env=environment,
        cwd=places.CHECKOUT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise StepError(f"{_STEP}: `{' '.join(command)}` ended with code {done.returncode}: {done.stderr.strip()}")
    return done.stdout

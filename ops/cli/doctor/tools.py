"""Pulumi: its version, plugins, passphrase, state, lock, and what a killed update has left."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bootstrap import places, state
from bootstrap.interrupted import is_running
from bootstrap.tools import LANGUAGE_HOST, PLUGINS, VERSION
from ops.cli.doctor.model import Check, Finding, Patient
from ops.cli.errors import NotAsked

_SECONDS = 10


def pulumi(patient: Patient) -> Iterator[Finding]:
    """Whether the CLI is there in a fitting version, with its Python language host."""
    path = places.pulumi_environment(patient.stack)["PATH"]
    binary = shutil.which("pulumi", path=path)
    if binary is None or shutil.which(LANGUAGE_HOST, path=path) is None:
        yield Finding("pulumi", "problem", f"the CLI or {LANGUAGE_HOST} is not installed", "make bootstrap")
        return
    done = subprocess.run([binary, "version"], capture_output=True, text=True, check=False, timeout=_SECONDS)
    found = done.stdout.strip().removeprefix("v")
    same = found.split(".")[0] == VERSION.split(".")[0]
    told = f"{found} ({binary})"
    yield (
        Finding("pulumi", "ok", told)
        if same
        else Finding("pulumi", "problem", f"{told}; {VERSION} is needed", "make bootstrap")
    )


def plugins(patient: Patient) -> Iterator[Finding]:
    """Whether the providers' plugins are installed in the pinned versions."""
    home = Path(places.pulumi_environment(patient.stack)["PULUMI_HOME"]) / "plugins"
    missing = [
        f"{name} {version}" for name, version in PLUGINS.items() if not (home / f"resource-{name}-v{version}").is_dir()
    ]
    if missing:
        yield Finding("plugins", "problem", f"not installed: {', '.join(missing)}", "make bootstrap")
    else:
        yield Finding("plugins", "ok", ", ".join(f"{name} {version}" for name, version in PLUGINS.items()))


def passphrase(patient: Patient) -> Iterator[Finding]:
    """Whether the stack's passphrase is there, and nobody else can read it."""
    path = places.passphrase_file(patient.stack)
    if not path.exists():
        fix = "make prod-init" if patient.stack == state.PRODUCTION else f"restore {path} from your copy"
        yield Finding("passphrase", "problem", f"{path} is not there", fix)
    elif path.is_relative_to(places.home()) and stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield Finding("passphrase", "problem", f"{path} can be read by others", f"chmod 600 {path}")
    else:
        yield Finding("passphrase", "ok", str(path))


def recorded(patient: Patient) -> Iterator[Finding]:
    """Whether Pulumi's state of the stack can be read, and what it tells."""
    path = state.stack_file(patient.stack)
    if not path.exists():
        yield Finding("state", "warning", f"the stack {patient.stack} was never made", f"make up STACK={patient.stack}")
        return
    try:
        count = len(patient.resources)
    except NotAsked as error:
        message, _, fix = str(error).partition(" Fix: ")
        yield Finding("state", "problem", message, fix)
        return
    yield Finding("state", "ok", f"{count} resources in {path}")


def lock(patient: Patient) -> Iterator[Finding]:
    """Whether an update runs, or one that ended has left its lock."""
    directory = places.home() / "state" / ".pulumi" / "locks" / "organization" / places.PROJECT / patient.stack
    for path in sorted(directory.glob("*.json")):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        here = found.get("hostname") == os.uname().nodename
        who = f"process {found.get('pid')} on {found.get('hostname')} since {found.get('timestamp')}"
        if here and not is_running(int(found["pid"])):
            yield Finding("lock", "warning", f"{who} has ended and left its lock", f"make up STACK={patient.stack}")
        else:
            fix = f"wait for it to end; if it is gone for good, pulumi cancel --stack {patient.stack}"
            yield Finding("lock", "warning", f"held by {who}", fix)
        return
    yield Finding("lock", "ok", "free")


def interrupted(patient: Patient) -> Iterator[Finding]:
    """Whether the last update was killed while it made something."""
    names = [one["resource"]["urn"].rsplit("::", 1)[-1] for one in patient.recorded.get("pending_operations") or ()]
    if names:
        fix = f"make up STACK={patient.stack}, which makes them anew"
        yield Finding("last update", "problem", f"it was killed while it made {', '.join(names)}", fix)
    else:
        yield Finding("last update", "ok", "ended in order")


CHECKS: tuple[Check, ...] = (pulumi, plugins, passphrase, recorded, lock, interrupted)

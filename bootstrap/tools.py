"""The Pulumi tools: those on PATH in a fitting version, else the official release, else built from pinned modules."""

import json
import platform
import re
import shutil
import subprocess
from pathlib import Path

from bootstrap import places, release, toolchain
from bootstrap.console import StepError, run, say

_STEP = "Pulumi"
VERSION = "3.259.0"
# The oldest CLI that the pinned Python SDK was tried with; a newer one of the same major version fits as well.
_OLDEST = (3, 259)
PLUGINS = {"docker": "5.2.0", "random": "4.21.4"}
LANGUAGE_HOST = "pulumi-language-python"


def ensure(source: str) -> None:
    """Return when the CLI, the language host and both plugins can be used; the user's own Pulumi is never changed."""
    found = shutil.which("pulumi", path=_outside())
    if found and _fits(found):
        say(_STEP, f"{found} fits and is used as it is")
    elif not _own():
        if not release.install(VERSION, places.tools()):
            toolchain.install(source)
    else:
        say(_STEP, f"{VERSION} in {places.tools()}")
    _plugins(source)


def _own() -> bool:
    """Whether the project's own CLI is there, of the pinned version, with its language host."""
    binary = places.tools() / "pulumi"
    if not binary.exists() or not (places.tools() / LANGUAGE_HOST).exists():
        return False
    return _version(binary).removeprefix("v") == VERSION


def _version(binary: str | Path) -> str:
    return subprocess.run([binary, "version"], capture_output=True, text=True, check=False, timeout=30).stdout.strip()


def _outside() -> str:
    """Return PATH without our own tools, which an activated shell has in front."""
    environment = places.pulumi_environment("dev")
    return ":".join(part for part in environment["PATH"].split(":") if part != str(places.tools()))


def _fits(binary: str) -> bool:
    """Whether a CLI has a fitting version and its Python language host beside it."""
    if not (Path(binary).resolve().parent / LANGUAGE_HOST).exists() and not shutil.which(
        LANGUAGE_HOST, path=_outside()
    ):
        return False
    answer = _version(binary)
    match = re.match(r"v?(\d+)\.(\d+)\.", answer)
    fits = match is not None and int(match[1]) == _OLDEST[0] and int(match[2]) >= _OLDEST[1]
    if not fits:
        say(
            _STEP,
            f"{binary} is {answer or 'unknown'}: {VERSION} or newer is needed, so the project gets its own beside it",
        )
    return fits


def _plugins(source: str) -> None:
    """Install the plugins into the project's own PULUMI_HOME."""
    environment = places.pulumi_environment("dev")
    home = Path(environment["PULUMI_HOME"]) / "plugins"
    for name, version in PLUGINS.items():
        if (home / f"resource-{name}-v{version}" / f"pulumi-resource-{name}").exists():
            continue
        pulumi = shutil.which("pulumi", path=environment["PATH"])
        if pulumi is None:
            raise StepError(
                f"{_STEP}: the CLI is not on PATH after its installation. Fix: remove {places.tools()}, then make up again"
            )
        built = places.built_plugins() / f"pulumi-resource-{name}"
        local: list[str] = []
        if not release.reachable():
            if not built.exists():
                toolchain.install(source)
            local = ["--file", str(built)]
        run(
            _STEP,
            [pulumi, "plugin", "install", "resource", name, version, *local],
            why=f"the {name} plugin {version} is installed{' from the built toolchain' if local else ''}",
            fix="check the network, then make up again",
            environment=environment,
        )
    say(_STEP, "plugins " + json.dumps(PLUGINS)[1:-1].replace('"', "") + f" ({platform.machine()})")

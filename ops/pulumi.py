"""Running the Pulumi CLI in the project's environment."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from bootstrap import places


class PulumiError(RuntimeError):
    """A Pulumi command failed; the message is what it printed."""


def is_development() -> bool:
    """Whether this process runs in the environment of the tests: then Pulumi's program does as well."""
    return Path(sys.prefix) == places.virtual_environment(development=True)


def start(
    stack: str,
    *arguments: str,
    output: int | IO[str] | None = subprocess.PIPE,
    errors: int | IO[str] | None = subprocess.PIPE,
    variables: Mapping[str, str] | None = None,
) -> "subprocess.Popen[str]":
    """Start `pulumi <arguments> --stack <stack>`; PulumiError if Pulumi is not installed."""
    environment = places.pulumi_environment(stack, development=is_development())
    pulumi = shutil.which("pulumi", path=environment["PATH"])
    if pulumi is None:
        raise PulumiError("Pulumi is not installed. Fix: make bootstrap")
    return subprocess.Popen(
        [pulumi, *arguments, "--stack", stack, "--non-interactive"],
        env={**environment, **(variables or {})},
        cwd=places.CHECKOUT,
        stdout=output,
        stderr=errors,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> str:
    """Wait for a started command and return what it printed; PulumiError if it fails."""
    output, errors = process.communicate()
    if process.returncode != 0:
        raise PulumiError((errors or output or "").strip() or f"pulumi ended with code {process.returncode}")
    return output or ""


def run(stack: str, *arguments: str, capture: bool = True) -> str:
    """Run `pulumi <arguments> --stack <stack>` and return what it printed; PulumiError if it fails."""
    channel = subprocess.PIPE if capture else None
    return finish(start(stack, *arguments, output=channel, errors=channel))


def outputs(stack: str) -> dict[str, Any]:
    """Return the stack's outputs, secrets included."""
    found: dict[str, Any] = json.loads(run(stack, "stack", "output", "--json", "--show-secrets"))
    return found

"""Running the Pulumi CLI in the project's environment."""

import json
import shutil
import subprocess
from typing import Any

from bootstrap import places


class PulumiError(RuntimeError):
    """A Pulumi command failed; the message is what it printed."""


def run(stack: str, *arguments: str, capture: bool = True) -> str:
    """Run `pulumi <arguments> --stack <stack>` and return what it printed; PulumiError if it fails."""
    environment = places.pulumi_environment(stack)
    pulumi = shutil.which("pulumi", path=environment["PATH"])
    if pulumi is None:
        raise PulumiError("Pulumi is not installed. Fix: make bootstrap")
    done = subprocess.run(
        [pulumi, *arguments, "--stack", stack, "--non-interactive"],
        env=environment,
        cwd=places.CHECKOUT,
        capture_output=capture,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PulumiError(
            (done.stderr or done.stdout or "").strip() or f"pulumi {arguments[0]} ended with code {done.returncode}"
        )
    return done.stdout or ""


def outputs(stack: str) -> dict[str, Any]:
    """Return the stack's outputs, secrets included."""
    found: dict[str, Any] = json.loads(run(stack, "stack", "output", "--json", "--show-secrets"))
    return found

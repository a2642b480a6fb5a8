"""A stack's outputs: the variables that its applications are given, asked of Pulumi."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from database.errors import ConfigurationInvalid

FORMS = ("host", "network")
_SECONDS = 120
_OPERATION = "read the stack's outputs"


def variables(stack: str, directory: Path, form: str) -> dict[str, str]:
    """Return the variables of a stack for an application on this `host`, or in a container on its `network`."""
    if form not in FORMS:
        raise _invalid(f"form is {form!r}; allowed: {', '.join(FORMS)}", "choose one of them")
    found: Mapping[str, Any] = _outputs(stack, directory)
    try:
        given = {str(name): str(value) for name, value in found[form].items()}
    except (KeyError, TypeError, AttributeError):
        raise _invalid(f"the stack {stack} has no output env.{form}", f"make up STACK={stack}") from None
    if told := given.get("KAREN_NOT_PUBLISHED"):
        raise _invalid(told.rstrip("."), f'DatabaseManager.from_stack("{stack}", form="network")')
    return given


def _outputs(stack: str, directory: Path) -> Mapping[str, Any]:
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        raise _invalid("pulumi is not on PATH", f". ./activate {stack}, or use from_env with the file of make env")
    command = [pulumi, "stack", "output", "env", "--json", "--show-secrets", "--stack", stack, "--non-interactive"]
    try:
        run = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _invalid(f"pulumi could not be run: {type(error).__name__}", f". ./activate {stack}") from None
    if run.returncode != 0:
        lines = run.stderr.strip().splitlines() or [f"pulumi ended with code {run.returncode}"]
        raise _invalid(
            f"{lines[-1].removeprefix('error: ')}", f"make up STACK={stack}, with . ./activate {stack} before"
        )
    try:
        found: Mapping[str, Any] = json.loads(run.stdout)
    except ValueError:
        raise _invalid("pulumi printed no JSON", "pulumi stack output env --json") from None
    return found


def _invalid(message: str, fix: str) -> ConfigurationInvalid:
    return ConfigurationInvalid(message, "settings", _OPERATION, fix)

"""The state backend and the stacks, which belong to this machine as its containers do; no existing login or stack is changed."""

import getpass
import json
import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import Any

from bootstrap import places
from bootstrap.console import StepError, run, say

_STEP = "state"
PRODUCTION = "prod"
_LEAST_LENGTH = 12


def stack_file(stack: str) -> Path:
    """Return the file in which the local backend keeps a stack."""
    return places.home() / "state" / ".pulumi" / "stacks" / places.PROJECT / f"{stack}.json"


def recorded(stack: str) -> dict[str, Any]:
    """Return what a stack's last update recorded: resources, pending operations, secrets provider; {} before the first."""
    path = stack_file(stack)
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["checkpoint"].get("latest") or {}
    return found


def require(stack: str) -> None:
    """Return when the state has something of the stack; StepError says why nothing can be compared with it otherwise."""
    if not recorded(stack).get("resources"):
        raise StepError(missing(stack))


def missing(stack: str) -> str:
    """Return the sentence about a stack of which nothing is recorded."""
    return (
        f"Nothing is recorded of the stack {stack} in {stack_file(stack)}: compared with nothing, everything would be new. "
        f"Fix: run it on the machine where the stack is up, with its KAREN_HOME, or bring it up: make up STACK={stack}"
    )


def ensure(stack: str, *, development: bool) -> None:
    """Return when the stack exists."""
    (places.home() / "state").mkdir(parents=True, exist_ok=True, mode=0o700)
    if stack_file(stack).exists():
        say(_STEP, f"the stack {stack} is in {places.home() / 'state'}")
        if stack == PRODUCTION and not _salted(stack):
            _write_salt(stack)
        return
    if stack == PRODUCTION:
        _passphrase(stack)
    environment = places.pulumi_environment(stack, development=development)
    pulumi = shutil.which("pulumi", path=environment["PATH"]) or "pulumi"
    before = _salted(stack)
    run(
        _STEP,
        [pulumi, "stack", "init", f"organization/{places.PROJECT}/{stack}", "--no-select", "--non-interactive"],
        why=f"the stack {stack} is made in {places.home() / 'state'}",
        fix=f"read the lines above; the backend is {environment['PULUMI_BACKEND_URL']}",
        environment=environment,
        directory=places.CHECKOUT,
    )
    if stack == PRODUCTION and not before:
        say(_STEP, f"Pulumi.{stack}.yaml now holds the stack's encryption salt: commit that change")


def _salted(stack: str) -> bool:
    path = places.CHECKOUT / f"Pulumi.{stack}.yaml"
    return path.exists() and "encryptionsalt:" in path.read_text(encoding="utf-8")


def _write_salt(stack: str) -> None:
    """Write the salt that the state has into a checkout that lacks it, as the one that made the stack was not committed."""
    salt = (recorded(stack).get("secrets_providers") or {}).get("state", {}).get("salt")
    if salt:
        with (places.CHECKOUT / f"Pulumi.{stack}.yaml").open("a", encoding="utf-8") as target:
            target.write(f"encryptionsalt: {salt}\n")
        say(_STEP, f"Pulumi.{stack}.yaml now holds the stack's encryption salt again: commit that change")


def _passphrase(stack: str) -> None:
    """Ask for a passphrase, or generate one; it is kept outside the checkout, readable by this user alone."""
    path = places.passphrase_file(stack)
    if path.exists():
        return
    text = ""
    if sys.stdin.isatty():
        text = getpass.getpass(f"Passphrase for {stack} (empty: one is generated): ")
        if text and (len(text) < _LEAST_LENGTH or text != getpass.getpass("Again: ")):
            raise StepError(
                f"{_STEP}: the passphrase is shorter than {_LEAST_LENGTH} characters, or the two differ. Fix: make prod-init"
            )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as target:
        target.write(text or secrets.token_urlsafe(32))
    say(
        _STEP,
        f"{stack}'s passphrase is in {path}: keep a copy of it elsewhere; without it the stack's secrets are lost",
    )

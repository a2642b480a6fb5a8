"""Having Pulumi make a preview, and refusing where what it would say is wrong."""

import json
from typing import Any

import yaml

from bootstrap import places, state
from ops.cli.errors import Locked, NotAsked
from ops.cli.migrate.update import locks
from ops.cli.preview.masking import Mask, secrets_of
from ops.cli.recorded import on_disk
from ops.pulumi import PulumiError, finish, start


def ensure_comparable(stack: str) -> None:
    """Return if there is a state to compare with, a configuration, and nobody changes them; NotAsked or Locked otherwise."""
    if not on_disk(stack).get("resources"):
        raise NotAsked(state.missing(stack))
    file = places.CHECKOUT / f"Pulumi.{stack}.yaml"
    if not file.exists() or "encryptionsalt" not in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}):
        raise NotAsked(
            f"{file.name} is missing, or has no encryptionsalt: Pulumi would write one, and compare with another configuration. "
            f"Fix: restore it from git, or make {'prod-init' if stack == state.PRODUCTION else f'up STACK={stack}'}"
        )
    for lock in locks(stack):
        raise Locked(
            f"The stack {stack} is being changed by process {lock.get('pid')} on {lock.get('hostname')}: what it is compared with changes "
            f"meanwhile. Fix: wait for that update to end; if it is gone for good, pulumi cancel --stack {stack}"
        )


def make(stack: str) -> tuple[dict[str, Any], Mask]:
    """Return what `pulumi preview --json` prints, and what masks the stack's secrets; NotAsked if Pulumi cannot tell."""
    ensure_comparable(stack)
    try:
        with start(stack, "preview", "--json", "--show-sames") as preview:
            try:
                mask = _mask(stack)
            except PulumiError:
                preview.terminate()
                raise
            output, errors = preview.communicate()
    except PulumiError as error:
        raise NotAsked(f"The secrets of {stack} cannot be read, so none could be masked. {error}") from None
    document = _document(output)
    if document is None or (preview.returncode != 0 and not _says_why(document)):
        raise NotAsked(mask(f"Pulumi made no preview of {stack}. {(errors or output).strip()}"))
    return document, mask


def _document(output: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(output)
    except ValueError:
        return None
    return found


def _says_why(document: dict[str, Any]) -> bool:
    """Whether a preview that failed tells the reason in its document; what it tells of the stack is not all then."""
    return any(one.get("severity") == "error" for one in document.get("diagnostics") or ())


def _mask(stack: str) -> Mask:
    exported = start(stack, "stack", "export", "--show-secrets")
    configured = start(stack, "config", "--json", "--show-secrets")
    secrets = secrets_of(json.loads(finish(exported)), json.loads(finish(configured)))
    return Mask(secrets, home=str(places.home()))

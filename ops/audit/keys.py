"""The key that signs: derived from a seed in Pulumi's state, of which this machine keeps a copy that outlives the stack."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backup.keys import Signer
from bootstrap import places
from ops.audit.errors import RecordError
from ops.cli.errors import NotAsked
from ops.cli.recorded import resources
from ops.cli.telling import told_outputs, untold

_STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Keys:
    """Who signs: `signer` is None as long as the stack has no key, `before` the key that it had until now.

    `seed` is the signer's if this machine does not keep it yet.
    """

    signer: Signer | None = None
    before: Signer | None = None
    seed: str | None = None


def path(stack: str) -> Path:
    """Return where this machine keeps a stack's seed, readable by its user alone."""
    return places.home() / "audit" / f"{stack}.key"


def held(stack: str, tell: Callable[[str], None]) -> Keys:
    """Return what signs now. RecordError if the stack has a key that nobody tells; an earlier one signs as long as it is there."""
    kept = kept_key(stack)
    public = told_public(stack)
    if not public or (kept is not None and kept.public == public):
        return Keys(signer=kept)
    try:
        seed = seed_of(stack)
    except NotAsked as error:
        if kept is None:
            raise RecordError(f"The key of the audit record cannot be had. {error}") from None
        tell(f"audit: signed with the key that this machine keeps: {error}")
        return Keys(signer=kept)
    return Keys(signer=Signer(seed), before=kept, seed=seed)


def kept_key(stack: str) -> Signer | None:
    """Return the key that this machine keeps, None if there is none; RecordError if it cannot be read."""
    try:
        return Signer(path(stack).read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is no seed"
        fix = f"restore it from your copy, or remove it: the record then tells that it is gone. Then: ./karen audit verify --stack {stack}"
        raise RecordError(f"The key {path(stack)} cannot be read: {told}. Fix: {fix}") from None


def keep(stack: str, seed: str) -> None:
    """Write the seed, whole or not at all."""
    target = path(stack)
    temporary = target.with_suffix(".key.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(seed)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(target)


def told_public(stack: str) -> str:
    """Return the public key that Pulumi's state has in plain text, empty for a stack that is not up; NotAsked if it is unreadable."""
    root = next((one for one in resources(stack) if one["type"] == _STACK), {})
    return str((((root.get("outputs") or {}).get("audit")) or {}).get("public") or "")


def seed_of(stack: str) -> str:
    """Return the seed as Pulumi tells it; NotAsked if it does not."""
    try:
        return str(told_outputs(stack)["operations"]["audit"]["seed"])
    except KeyError as error:
        raise untold(stack, error) from None

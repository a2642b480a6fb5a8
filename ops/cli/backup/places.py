"""Where a restore reads from: a stack's own target, or a place that was named because the stack is gone."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ops.backups.stack import StackBackups
from ops.cli.backup.asking import described
from ops.cli.backup.identities import opened
from ops.cli.errors import NotAsked

_MOUNT = "/source"
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A target as a job opens it, what it has to mount for that, whose sets are meant, and what opens them.

    `outside` says that it is a bucket, which a job of any stack reaches by the network on which nobody else is found by name.
    `owner` is the user, `uid:gid`, whose directory it is, empty where nobody can tell.
    """

    stack: str
    target: Mapping[str, Any] = field(repr=False)
    volumes: Mapping[str, str]
    identity: str = field(repr=False)
    trust: tuple[str, ...]
    outside: bool = False
    owner: str = ""

    def foreign(self, user: str) -> bool:
        """Whether it is a directory that another user may have closed to this one (`uid:gid`)."""
        return bool(self.volumes) and user != self.owner

    @property
    def request(self) -> dict[str, Any]:
        """Return what a request has of it."""
        return {"target": dict(self.target), "stack": self.stack, "trust": list(self.trust)}


def place(stack: str, *, target: str | None, identity: Path | None) -> Place:
    """Return where the sets of a stack are; NotAsked if that cannot be told."""
    if target is None:
        backups = described(stack)
        found = opened(backups, identity)
        return Place(
            stack=stack, target={**backups.target, **_moved(backups)}, volumes=_mounted(backups),
            identity=found.identity, trust=found.trust, outside=backups.leads_outside, owner=backups.user,
        )  # fmt: skip
    if identity is None:
        raise NotAsked(f"--target {target} needs --identity. Fix: add --identity FILE")
    found = opened(None, identity)
    document, volumes = _named(target)
    return Place(
        stack=stack, target=document, volumes=volumes, identity=found.identity, trust=found.trust, outside=not volumes,
    )  # fmt: skip


def _moved(backups: StackBackups) -> dict[str, str]:
    """Return the path at which a job of another stack has the target."""
    return {"path": _MOUNT} if "path" in backups.target else {}


def _mounted(backups: StackBackups) -> dict[str, str]:
    return {
        f"{_MOUNT}{mount[len(str(backups.target['path'])) :]}": volume
        for mount, volume in backups.target_volumes.items()
    }


def _named(target: str) -> tuple[dict[str, Any], dict[str, str]]:
    if not target.startswith("s3://"):
        directory = Path(target).resolve()
        if not directory.is_dir():
            raise NotAsked(f"--target is {target}, which is no directory. Fix: a directory, or s3://bucket/prefix")
        if ":" in str(directory):
            raise NotAsked(
                f"--target is {target}: a directory with a colon cannot be mounted. Fix: another name for it"
            )
        return {"kind": "directory", "path": _MOUNT}, {f"{_MOUNT}:ro": str(directory)}
    missing = [name for name in _KEYS if not os.environ.get(name)]
    if missing:
        raise NotAsked(f"--target {target} needs {' and '.join(missing)} in the environment. Fix: export them")
    parts, region = urlsplit(target), os.environ.get("AWS_REGION") or _REGION
    return {
        "kind": "bucket",
        "endpoint": os.environ.get("AWS_ENDPOINT_URL") or f"https://s3.{region}.amazonaws.com",
        "bucket": parts.netloc,
        "prefix": parts.path.strip("/"),
        "region": region,
        "access_key": os.environ[_KEYS[0]],
        "secret_key": os.environ[_KEYS[1]],
    }, {}

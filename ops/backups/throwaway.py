"""A stack for one drill: production's rules, so that nothing of it is published, with passwords and a passphrase of its own."""

import os
import re
import secrets
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import yaml

from bootstrap import places, state
from bootstrap.leftovers import find, remove
from components.machine import data_directory, generation_file
from ops.pulumi import PulumiError, finish, run, start

PREFIX = "drill-"
_NAME = re.compile(rf"{PREFIX}[0-9a-f]{{8}}")
Tell = Callable[[str], None]


@contextmanager
def throwaway(settings: Mapping[str, str], tell: Tell) -> Iterator[str]:
    """Provide the name of a stack that is up with these settings; it is removed with everything, however it ends."""
    name = f"{PREFIX}{uuid.uuid4().hex[:8]}"
    try:
        tell(f"stack: {name} is made")
        _make(name, settings)
        run(name, "stack", "init", "--no-select")
        _up(name)
        yield name
    except KeyboardInterrupt:
        tell(f"stack: {name} is removed")
        raise
    finally:
        erase(name)


def left() -> list[str]:
    """Return the stacks of drills whose process is gone: only what says here that a drill has made it, whatever it is called."""
    names = (path.name for path in _owner(PREFIX).parent.glob(f"{PREFIX}*"))
    return sorted(name for name in names if _NAME.fullmatch(name) and not _lives(name))


def erase(name: str) -> None:
    """Leave nothing of such a stack, whatever state it is in."""
    if state.stack_file(name).exists():
        for arguments in (
            ("cancel", "--yes"),
            ("state", "unprotect", "--all", "--yes"),
            ("destroy", "--yes", "--skip-preview"),
            ("stack", "rm", "--yes", "--force", "--preserve-config"),
        ):
            with suppress(PulumiError):
                run(name, *arguments)
    client = docker.from_env()
    try:
        remove(client, find(client, name))
    finally:
        client.close()
    for path in state.stack_file(name).parent.glob(f"{name}.json*"):
        path.unlink(missing_ok=True)
    earlier = places.home() / "state" / ".pulumi" / "backups" / places.PROJECT / name
    for directory in (data_directory(name), earlier):
        shutil.rmtree(directory, ignore_errors=True)
    # The owner last: by that it is found again, should this be cut off.
    for path in (_file(name), _passphrase(name), generation_file(name), _owner(name)):
        path.unlink(missing_ok=True)


def _up(name: str) -> None:
    """Bring it up; interrupted, Pulumi ends in good order by itself, and only then is there something to be removed."""
    process = start(name, "up", "--yes", "--skip-preview")
    try:
        finish(process)
    except KeyboardInterrupt:
        process.communicate()
        raise


def _make(name: str, settings: Mapping[str, str]) -> None:
    """Write who makes it, its passphrase and its configuration."""
    for path, text in ((_owner(name), str(os.getpid())), (_passphrase(name), secrets.token_urlsafe(32))):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
    config = {f"{places.PROJECT}:{key}": value for key, value in {**settings, "mode": "production"}.items()}
    _file(name).write_text(yaml.safe_dump({"config": config}), encoding="utf-8")


def _lives(name: str) -> bool:
    """Whether the process that makes a stack is still there, another user's included."""
    try:
        os.kill(int(_owner(name).read_text(encoding="utf-8")), 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _file(name: str) -> Path:
    return places.CHECKOUT / f"Pulumi.{name}.yaml"


def _passphrase(name: str) -> Path:
    return places.home() / "passphrases" / name


def _owner(name: str) -> Path:
    return places.home() / "drills" / name

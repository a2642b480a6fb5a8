"""Being the only one who works on a stack while its passwords change."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from components.naming import STACK_LABEL
from init.resources.job import JOB_LABEL
from ops.backups import journal
from ops.cli.errors import Refused
from ops.cli.leases import leased

_UNTOUCHED = "Nothing was changed."
# It is somebody's terminal, and connected already.
_SHELL = "shell-outside"
_PATIENCE_SECONDS, _PAUSE_SECONDS = 20.0, 0.5


@contextmanager
def alone(stack: str, command: str) -> Iterator[None]:
    """Keep restores, other rotations and the monitor off the stack; Refused while one of them, or any job, is at work."""
    if journal.path(stack).is_file():
        raise Refused(f"A restore into {stack} was cut off. {_UNTOUCHED} Fix: ./karen backup restore --stack {stack}")
    try:
        with journal.alone(stack), leased(stack, command):
            _ensure_no_jobs(stack)
            yield
    except journal.TwiceError:
        told = f"A restore or another rotation of {stack} is going on. {_UNTOUCHED}"
        raise Refused(f"{told} Fix: wait for it to end") from None


def _ensure_no_jobs(stack: str) -> None:
    """Return when no job has read a password that will not be accepted when it connects again; one that was cut off ends soon."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (names := _jobs(stack)) and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    if names:
        told = f"A job of {stack} is at work: {', '.join(names)}. {_UNTOUCHED}"
        raise Refused(f"{told} Fix: wait for it to end, then run the same command again")


def _jobs(stack: str) -> list[str]:
    import docker

    client = docker.from_env()
    try:
        running = client.api.containers(filters={"label": [f"{STACK_LABEL}={stack}", JOB_LABEL]})
    finally:
        client.close()
    return sorted({one["Labels"][JOB_LABEL] for one in running} - {_SHELL})

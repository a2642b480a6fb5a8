"""Jobs that ask all engines of a stack at once, from inside its network."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any

from ops.cli.telling import told_outputs, untold

Answers = Mapping[str, Mapping[str, Any]]


def described(stack: str) -> dict[str, Any]:
    """Return what such a job is started with, as Pulumi tells it, secrets included; NotAsked if it does not."""
    try:
        found: dict[str, Any] = told_outputs(stack)["operations"]["verification"]
    except KeyError as error:
        raise untold(stack, error) from None
    return found


@contextmanager
def started(job: Mapping[str, Any], action: str, *, seconds: float) -> Iterator[Callable[..., Answers]]:
    """Start a job that has so many seconds, and provide what sends it the request; JobError if it fails as a whole.

    Its log lines are progress.
    """
    from init.resources.job import Job, JobSpec

    spec = JobSpec(
        stack=job["stack"],
        name=action,
        image=job["image"],
        user=job["user"],
        network=job["network"],
        others=(job["backend"],),
        volumes=job["volumes"],
        deadline_seconds=seconds,
        exclusive=False,
    )
    with redirect_stdout(sys.stderr), Job(spec) as running:

        def ask(**request: Any) -> Answers:
            answer = running.run({"protocol": 1, "action": action, "engines": job["engines"], **request})
            found: Answers = answer["engines"]
            return found

        yield ask


def ask(job: Mapping[str, Any], action: str, *, seconds: float, **request: Any) -> Answers:
    """Have a job ask every engine within some seconds; return what each answers."""
    with started(job, action, seconds=seconds) as send:
        return send(**request)

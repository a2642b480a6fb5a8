"""Jobs that change passwords in one server, and see that it refuses the former ones."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

from ops.cli.errors import Refused
from ops.engine_errors import engine_errors

_SECONDS = 120.0


def ask(job: Mapping[str, Any], action: str, service: str, accounts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Run a job about one service's accounts; Refused with what it says. Its log lines are progress."""
    from init.resources.job import Job, JobError, JobSpec

    spec = JobSpec(
        stack=job["stack"],
        name=service,
        image=job["image"],
        user=job["user"],
        network=job["network"],
        deadline_seconds=_SECONDS,
        exclusive=False,
    )
    request = {"action": action, "engine": service, "connection": job["engines"][service], "accounts": list(accounts)}
    try:
        with redirect_stdout(sys.stderr), Job(spec) as running:
            return running.run({"protocol": 1, **request})
    except engine_errors(JobError) as error:
        raise Refused(f"{error}") from None

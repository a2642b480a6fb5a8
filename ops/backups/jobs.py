"""Jobs of backups: one action in the toolbox, with the volumes, the user and the network that it needs."""

from collections.abc import Mapping
from typing import Any

from init.protocol import PROTOCOL
from init.resources.job import Job, JobSpec
from ops.backups.reporting import Reporter
from ops.backups.stack import StackBackups

# As long as the largest set may take; a job whose starter is gone ends by itself.
_DEADLINE_SECONDS = 24 * 3600.0
_ACTION = "backup"


def ask(
    backups: StackBackups,
    step: str,
    request: Mapping[str, Any],
    reporter: Reporter,
    *,
    volumes: Mapping[str, str] | None = None,
    user: str | None = None,
    network: str | None = None,
    outside: str = "",
    capabilities: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Have a job do one step and return its result; JobError says why not. `volumes`, `user`, `network` are the stack's without.

    `outside` is a network that leads to what the step reads, for a stack that has none of its own; `capabilities` are for root.
    """
    spec = JobSpec(
        stack=backups.stack,
        name=_ACTION,
        image=backups.image,
        user=user or backups.user,
        network=network or backups.network,
        outside=None if network else backups.outside or outside or None,
        volumes=backups.volumes if volumes is None else volumes,
        capabilities=capabilities,
        deadline_seconds=_DEADLINE_SECONDS,
        exclusive=False,
    )
    with Job(spec) as job:
        return job.run({"protocol": PROTOCOL, "action": _ACTION, "step": step, **request}, tell=reporter.tell)

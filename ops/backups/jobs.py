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
# What is mounted is read as it is, and everything else done as the job's own user: it gives the rest of these up at once.
_READING = ("DAC_READ_SEARCH", "SETUID", "SETGID")


def ask(
    backups: StackBackups,
    step: str,
    request: Mapping[str, Any],
    reporter: Reporter,
    *,
    volumes: Mapping[str, str] | None = None,
    user: str | None = None,
    network: str | None = None,
    outside: bool = False,
    reads_all: bool = False,
) -> dict[str, Any]:
    """Have a job do one step and return its result; JobError says why not. `volumes`, `user`, `network` are the stack's without.

    `outside` says that what the step reads is outside, as a stack's own bucket is; with `reads_all` it may read whatever is
    mounted, also what its user may not.
    """
    own = user or backups.user
    leaves = backups.outside and not network and (outside or backups.leads_outside)
    spec = JobSpec(
        stack=backups.stack,
        name=_ACTION,
        image=backups.image,
        user="0:0" if reads_all else own,
        network=network or backups.network,
        others=(backups.outside,) if leaves else (),
        volumes=backups.volumes if volumes is None else volumes,
        capabilities=_READING if reads_all else (),
        deadline_seconds=_DEADLINE_SECONDS,
        exclusive=False,
    )
    becoming = {"become": own} if reads_all else {}
    with Job(spec) as job:
        return job.run(
            {"protocol": PROTOCOL, "action": _ACTION, "step": step, **request, **becoming}, tell=reporter.tell
        )

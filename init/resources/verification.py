"""`Verification`: the last resource, a real query against every engine, run again whenever anything below it changed."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from init.resources.provider import Provider

NAME = "verify"
# Milvus, restarted together with etcd and MinIO, gives up on them and is restarted once more, with a growing pause.
_PATIENCE_SECONDS = 90.0
_QUERY_SECONDS = 90.0


def verify(job: Mapping[str, Any]) -> dict[str, Any]:
    """Run the verification job described by `stack`, `image`, `network`, `backend`, `user`, `volumes`, `engines`, `expected`.

    A server that cannot be reached, as one that restarts, is tried again until the patience is over.
    """
    from init.resources.job import Job, JobSpec

    spec = JobSpec(
        stack=job["stack"],
        name=NAME,
        image=job["image"],
        user=job["user"],
        network=job["network"],
        others=(job["backend"],),
        volumes=job["volumes"],
        deadline_seconds=_PATIENCE_SECONDS + _QUERY_SECONDS,
    )
    request = {
        "action": "verify",
        "engines": job["engines"],
        "expected": job["expected"],
        "patience": _PATIENCE_SECONDS,
    }
    with Job(spec) as running:
        return running.run({"protocol": 1, **request})


class VerificationProvider(Provider):
    """Runs the job; a query that fails fails the update."""

    kind = "verification"

    def apply(self, props: dict[str, Any]) -> dict[str, Any]:
        """Return what every engine answered: versions, counts and latency."""
        return {"report": verify(props)["engines"]}

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Remove jobs that an interrupted run left."""
        from init.resources.job import sweep

        sweep(props["stack"], NAME)


class Verification(Resource, module="karen", name="Verification"):
    """What every engine answered; `runs` are the initializations below it."""

    report: pulumi.Output[dict[str, Any]]

    def __init__(
        self,
        name: str,
        *,
        job: Mapping[str, Any],
        runs: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {
            **{key: value for key, value in job.items() if key != "engines"},
            "service": "all",
            "engines": pulumi.Output.secret(job["engines"]),
            "runs": dict(runs),
            "report": None,
        }
        super().__init__(VerificationProvider(), name, props, opts)

"""`Access`: accounts of an engine that others need before its initialization, made once its container is healthy."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from init.resources.provider import Provider

_DEADLINE_SECONDS = 120.0


class AccessProvider(Provider):
    """Runs a job that makes the accounts what they are said to be."""

    kind = "access"

    def apply(self, props: dict[str, Any]) -> dict[str, Any]:
        """Start the job (it imports its client library meanwhile), wait for the container, then make the accounts."""
        from init.resources.gate import wait_until_healthy
        from init.resources.job import Job, JobSpec

        with Job(JobSpec.of(props, deadline_seconds=_DEADLINE_SECONDS)) as job:
            wait_until_healthy(props["container"], deadline_seconds=_DEADLINE_SECONDS)
            request = {"engine": props["service"], "connection": props["connection"], "accounts": props["accounts"]}
            job.run({"protocol": 1, "action": "grant", **request})
        return {}


class Access(Resource, module="karen", name="Access"):
    """Accounts that are there; `container` is whose."""

    container: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        service: str,
        image: str,
        network: pulumi.Input[str],
        user: str,
        container: pulumi.Input[str],
        connection: Mapping[str, Any],
        accounts: Sequence[Mapping[str, Any]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {
            "stack": stack,
            "service": service,
            "image": image,
            "network": network,
            "user": user,
            "container": container,
            "connection": pulumi.Output.secret(dict(connection)),
            "accounts": pulumi.Output.secret([dict(one) for one in accounts]),
        }
        super().__init__(AccessProvider(), name, props, opts)

"""`HealthGate`: a resource that exists once a container is healthy, for servers that have no initialization of their own."""

from typing import Any

import pulumi
from pulumi.dynamic import Resource

from init.resources.provider import Provider


class HealthGateProvider(Provider):
    """Waits; a failed wait leaves nothing in the state, so the next `up` tries again."""

    kind = "health-gate"

    def apply(self, props: dict[str, Any]) -> dict[str, Any]:
        """Return when the container is healthy; raises with its last log lines otherwise."""
        from init.resources.gate import wait_until_healthy

        wait_until_healthy(props["container"], deadline_seconds=float(props["deadline_seconds"]))
        return {}


class HealthGate(Resource, module="karen", name="HealthGate"):
    """A container that was seen healthy; another container (a new id) is waited for anew."""

    container: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        service: str,
        container: pulumi.Input[str],
        deadline_seconds: int = 120,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {"stack": stack, "service": service, "container": container, "deadline_seconds": deadline_seconds}
        super().__init__(HealthGateProvider(), name, props, opts)

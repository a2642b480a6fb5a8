"""The stack's network: a bridge with a name, closed to the outside in production."""

import pulumi
import pulumi_docker as docker

from components.naming import Naming


def outside(purpose: str, *, naming: Naming, service: str, parent: pulumi.Resource) -> pulumi.Output[str]:
    """Declare a network that leads outside, for a service whose stack's own network does not."""
    bridge = docker.Network(
        f"{purpose}-bridge",
        name=f"{naming.network}-{purpose}",
        driver="bridge",
        labels=[docker.NetworkLabelArgs(label=key, value=value) for key, value in naming.labels(service).items()],
        opts=pulumi.ResourceOptions(parent=parent, delete_before_replace=True),
    )
    return bridge.name


class DatabaseNetwork(pulumi.ComponentResource):
    """One user-defined bridge; `internal` means that nothing in it reaches or is reached from outside the host."""

    network: pulumi.Output[str]

    def __init__(
        self, name: str, *, naming: Naming, internal: bool, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("karen:network:DatabaseNetwork", name, None, opts)
        bridge = docker.Network(
            f"{name}-bridge",
            name=naming.network,
            driver="bridge",
            internal=internal,
            labels=[docker.NetworkLabelArgs(label=key, value=value) for key, value in naming.labels("network").items()],
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.network = bridge.name
        self.register_outputs({"network": self.network})

"""The stack's network: a bridge with a name, closed to the outside in production."""

import pulumi
import pulumi_docker as docker

from components.naming import Naming


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

"""The stack's networks: one for data, one for Milvus and its stores, and in production one that leads outside."""

from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from components.naming import Naming

# The host's end of the bridge has no address either: what listens on the host is outside as well.
NO_GATEWAY = {"com.docker.network.bridge.inhibit_ipv4": "true"}


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A network that a container joins, and the name by which others find it there."""

    network: pulumi.Input[str]
    alias: str


class DatabaseNetwork(pulumi.ComponentResource):
    """One user-defined bridge; `internal` means that nothing in it reaches the host or beyond, or is reached from there."""

    network: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        called: str,
        naming: Naming,
        internal: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`called` is its name on the engine."""
        super().__init__("karen:network:DatabaseNetwork", name, None, opts)
        bridge = docker.Network(
            f"{name}-bridge",
            name=called,
            driver="bridge",
            internal=internal,
            options=NO_GATEWAY if internal else None,
            labels=[docker.NetworkLabelArgs(label=key, value=value) for key, value in naming.labels("network").items()],
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.network = bridge.name
        self.register_outputs({"network": self.network})

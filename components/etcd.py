"""etcd: where Milvus keeps its metadata. Nobody else uses it."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components.container import ContainerSpec, DatabaseContainer, HealthCheck
from components.context import Context
from components.engine import Endpoint, Engine
from components.network import Attachment
from components.secrets import EngineSecrets, Owner
from components.volume import data_volume
from init.resources.health import HealthGate

PORT = 2379
_OWNER = Owner(uid=1001, gid=1001)
_QUOTA_BYTES = 4 * 1024**3


class Etcd(Engine):
    """One etcd member with its volume and a gate that opens when it is healthy."""

    gate: HealthGate | None

    def __init__(self, *, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("karen:database:Etcd", "etcd", None, opts)
        settings = context.settings
        volume = data_volume(context, "etcd", parent=self)
        # It has no secrets yet, but its volume has to belong to its user, whatever image it comes from.
        secrets = EngineSecrets(
            "etcd",
            context=context,
            owner=_OWNER,
            files={},
            owned_volumes=[volume.name],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.endpoint = Endpoint(service="etcd", port=PORT, host_port=None)
        self.connection: Mapping[str, Any] = {"host": "etcd", "port": PORT}
        self.gate = self.initialization = None
        if settings.enable_milvus:
            options = [
                "--data-dir=/etcd",
                f"--listen-client-urls=http://0.0.0.0:{PORT}",
                f"--advertise-client-urls=http://etcd:{PORT}",
                "--auto-compaction-mode=revision",
                "--auto-compaction-retention=1000",
                f"--quota-backend-bytes={_QUOTA_BYTES}",
                "--snapshot-count=50000",
                f"--log-level={'warn' if settings.production else 'info'}",
            ]
            self.server = DatabaseContainer(
                ContainerSpec(
                    service="etcd",
                    owner=_OWNER,
                    memory=settings.etcd_memory,
                    cpus=settings.etcd_cpus,
                    processes=512,
                    data_path="/etcd",
                    networks=[Attachment(network=context.backend, alias="etcd")],
                    command=["etcd", *options],
                    health=HealthCheck(
                        test=["CMD", "etcdctl", f"--endpoints=http://127.0.0.1:{PORT}", "endpoint", "health"]
                    ),
                ),
                context=context,
                volume=volume.name,
                secrets=secrets,
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.gate = HealthGate(
                "etcd-health",
                stack=context.naming.stack,
                service="etcd",
                container=self.server.id,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})

    @property
    def enabled(self) -> bool:
        """Whether Milvus needs it."""
        return self.gate is not None

    def environment(self, form: str) -> dict[str, pulumi.Input[str]]:
        """Return nothing: applications do not use etcd."""
        return {}

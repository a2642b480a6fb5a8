"""etcd: where Milvus keeps its metadata. Nobody else uses it."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components.certificates import CA, CERTIFICATE, KEY, listener
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
        self.listener = listener(context, "etcd", parent=self, enabled=settings.enable_milvus)
        # Its volume has to belong to its user, whatever image it comes from.
        secrets = EngineSecrets(
            "etcd",
            context=context,
            owner=_OWNER,
            files=self.listener.files,
            owned_volumes=[volume.name],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.endpoint = Endpoint(service="etcd", port=PORT, host_port=None)
        self.connection: Mapping[str, Any] = {"host": "etcd", "port": PORT, **self.listener.connection}
        self.gate = self.initialization = None
        if settings.enable_milvus:
            self.server = self._server(context, volume.name, secrets)
            self.gate = HealthGate(
                "etcd-health",
                stack=context.naming.stack,
                service="etcd",
                container=self.server.id,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})

    def _server(self, context: Context, volume: pulumi.Output[str], secrets: EngineSecrets) -> DatabaseContainer:
        settings, secured = context.settings, self.listener
        scheme = secured.scheme("http")
        options = [
            "--data-dir=/etcd",
            f"--listen-client-urls={scheme}://0.0.0.0:{PORT}",
            f"--advertise-client-urls={scheme}://etcd:{PORT}",
            *((f"--cert-file={CERTIFICATE}", f"--key-file={KEY}") if secured.encrypted else ()),
            "--auto-compaction-mode=revision",
            "--auto-compaction-retention=1000",
            f"--quota-backend-bytes={_QUOTA_BYTES}",
            "--snapshot-count=50000",
            f"--log-level={'warn' if settings.production else 'info'}",
        ]
        return DatabaseContainer(
            ContainerSpec(
                service="etcd",
                owner=_OWNER,
                memory=settings.etcd_memory,
                cpus=settings.etcd_cpus,
                processes=512,
                data_path="/etcd",
                networks=[Attachment(network=context.backend, alias="etcd")],
                command=["etcd", *options],
                labels=secured.labels,
                health=HealthCheck(
                    test=[
                        *("CMD", "etcdctl", f"--endpoints={scheme}://127.0.0.1:{PORT}"),
                        *((f"--cacert={CA}",) if secured.encrypted else ()),
                        *("endpoint", "health"),
                    ]
                ),
            ),
            context=context,
            volume=volume,
            secrets=secrets,
            opts=pulumi.ResourceOptions(parent=self),
        )

    @property
    def enabled(self) -> bool:
        """Whether Milvus needs it."""
        return self.gate is not None

    def environment(self, form: str) -> dict[str, pulumi.Input[str]]:
        """Return nothing: applications do not use etcd."""
        return {}

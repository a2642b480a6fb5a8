"""Milvus: vector search, standalone, over etcd and MinIO."""

from collections.abc import Sequence

import pulumi

from components.container import ContainerSpec, DatabaseContainer, HealthCheck
from components.context import Context
from components.engine import Endpoint, Engine
from components.etcd import PORT as ETCD_PORT
from components.initialize import initialize
from components.minio import PORT as MINIO_PORT
from components.secrets import DIRECTORY, EngineSecrets, Owner, password
from components.sizes import show_size
from components.volume import data_volume
from init.resources.health import HealthGate

PORT = 19530
METRICS_PORT = 9091
BUCKET = "milvus-data"
_OWNER = Owner(uid=1001, gid=1001)
# Milvus reads its storage key from the environment only: a file is read into it as the server starts, so that the
# container's definition does not hold it.
_START = f". {DIRECTORY}/milvus.env && export MINIO_ACCESSKEYID MINIO_SECRETACCESSKEY && exec milvus run standalone"


class Milvus(Engine):
    """One Milvus server with its volume, its users (production) and its collections."""

    def __init__(
        self,
        *,
        context: Context,
        storage_user: str,
        storage_password: pulumi.Output[str],
        gates: Sequence[HealthGate],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`gates` are those of etcd and MinIO; `storage_user` and `storage_password` open MinIO."""
        super().__init__("karen:database:Milvus", "milvus", None, opts)
        settings = context.settings
        self._settings = settings
        root = password(context, "milvus-root", parent=self)
        self._password = password(context, "milvus", parent=self)
        self.endpoint = Endpoint(
            service="milvus", port=PORT, host_port=None if settings.production else settings.milvus_port
        )
        volume = data_volume(context, "milvus", parent=self)
        secrets = EngineSecrets(
            "milvus",
            context=context,
            owner=_OWNER,
            files={
                "milvus.env": storage_password.apply(
                    lambda value: f"MINIO_ACCESSKEYID='{storage_user}'\nMINIO_SECRETACCESSKEY='{value}'\n"
                )
            },
            owned_volumes=[volume.name],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.connection = {
            "host": "milvus",
            "port": PORT,
            "user": "root",
            "password": root,
            "authorization": settings.production,
            "app_user": settings.milvus_user,
            "app_password": self._password,
        }
        self.initialization = None
        if settings.enable_milvus:
            self.server = self._server(context, volume.name, secrets, gates)
            # Milvus' metadata and segments are theirs: when one of them was made anew, the collections may be gone.
            identity = pulumi.Output.concat(*(part for gate in gates for part in (gate.container, " ")))
            self.initialization = initialize(
                "milvus", context=context, engine=self, container=self.server.id, identity=identity
            )
        self.register_outputs({})

    def _server(
        self, context: Context, volume: pulumi.Output[str], secrets: EngineSecrets, gates: Sequence[HealthGate]
    ) -> DatabaseContainer:
        settings = context.settings
        return DatabaseContainer(
            ContainerSpec(
                service="milvus",
                owner=_OWNER,
                memory=settings.milvus_memory,
                cpus=settings.milvus_cpus,
                data_path="/var/lib/milvus",
                command=["sh", "-c", _START],
                environment={
                    "ETCD_ENDPOINTS": f"etcd:{ETCD_PORT}",
                    "MINIO_ADDRESS": f"minio:{MINIO_PORT}",
                    "MINIO_BUCKETNAME": BUCKET,
                    "COMMON_SECURITY_AUTHORIZATIONENABLED": str(settings.production).lower(),
                    # Its older HTTP interface, on the port of the metrics, asks nobody for a password.
                    "PROXY_HTTP_ENABLED": str(not settings.production).lower(),
                    # Its default of 30 minutes ends every stop in a kill.
                    "COMMON_GRACEFULSTOPTIMEOUT": "2",
                    "LOG_LEVEL": "info" if settings.production else "debug",
                },
                ports={PORT: settings.milvus_port},
                health=HealthCheck(
                    test=["CMD", "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{METRICS_PORT}/healthz"],
                    start_period_seconds=120,
                ),
                stop_seconds=60,
            ),
            context=context,
            volume=volume,
            secrets=secrets,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(gates)),
        )

    def environment(self, form: str) -> dict[str, pulumi.Input[str]]:
        """Return MILVUS_*; in development there is no authentication, and user and password are empty."""
        assert self.endpoint is not None
        host, port = self.endpoint.address(form)
        secured = self._settings.production
        return {
            "MILVUS_HOST": host,
            "MILVUS_PORT": str(port),
            "MILVUS_USER": self._settings.milvus_user if secured else "",
            "MILVUS_PASSWORD": self._password if secured else "",
            "MILVUS_MEMORY_LIMIT": show_size(self._settings.milvus_memory),
        }

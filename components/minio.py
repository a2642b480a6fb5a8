"""MinIO: object storage for Milvus's segments and for the application's buckets."""

import pulumi

from components.container import ContainerSpec, DatabaseContainer, HealthCheck
from components.context import Context
from components.engine import Endpoint, Engine
from components.initialize import initialize
from components.secrets import DIRECTORY, EngineSecrets, Owner, password
from components.volume import data_volume
from init.resources.health import HealthGate

PORT = 9000
CONSOLE_PORT = 9001
_OWNER = Owner(uid=1001, gid=1001)


class Minio(Engine):
    """One MinIO server with its volume, its root credentials, a gate for Milvus and its buckets."""

    gate: HealthGate | None

    def __init__(self, *, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("karen:database:Minio", "minio", None, opts)
        settings = context.settings
        self._settings = settings
        self.password = password(context, "minio", parent=self)
        self.endpoint = Endpoint(
            service="minio", port=PORT, host_port=None if settings.production else settings.minio_port
        )
        volume = data_volume(context, "minio", parent=self)
        secrets = EngineSecrets(
            "minio",
            context=context,
            owner=_OWNER,
            files={"minio_user": settings.minio_user, "minio_password": self.password},
            owned_volumes=[volume.name],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.connection = {
            "endpoint": f"http://minio:{PORT}",
            "access_key": settings.minio_user,
            "secret_key": self.password,
        }
        self.gate = self.initialization = None
        if settings.enable_minio:
            self.server = self._server(context, volume.name, secrets)
            self.gate = HealthGate(
                "minio-health",
                stack=context.naming.stack,
                service="minio",
                container=self.server.id,
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.initialization = initialize("minio", context=context, engine=self, container=self.gate.container)
        self.register_outputs({})

    def _server(self, context: Context, volume: pulumi.Output[str], secrets: EngineSecrets) -> DatabaseContainer:
        settings = context.settings
        return DatabaseContainer(
            ContainerSpec(
                service="minio",
                owner=_OWNER,
                memory=settings.minio_memory,
                cpus=settings.minio_cpus,
                data_path="/data",
                command=["server", "/data", "--console-address", f":{CONSOLE_PORT}"],
                environment={
                    "MINIO_ROOT_USER_FILE": f"{DIRECTORY}/minio_user",
                    "MINIO_ROOT_PASSWORD_FILE": f"{DIRECTORY}/minio_password",
                },
                ports={PORT: settings.minio_port, CONSOLE_PORT: settings.minio_console_port},
                health=HealthCheck(
                    test=["CMD", "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{PORT}/minio/health/live"]
                ),
            ),
            context=context,
            volume=volume,
            secrets=secrets,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def environment(self, form: str) -> dict[str, pulumi.Input[str]]:
        """Return MINIO_*."""
        assert self.endpoint is not None
        host, port = self.endpoint.address(form)
        return {
            "MINIO_HOST": host,
            "MINIO_PORT": str(port),
            "MINIO_ACCESS_KEY": self._settings.minio_user,
            "MINIO_SECRET_KEY": self.password,
        }

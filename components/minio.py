"""MinIO: object storage for Milvus's segments and for the application's buckets."""

import pulumi

from components.certificates import CA, listener
from components.container import ContainerSpec, DatabaseContainer, HealthCheck
from components.context import TOOLBOX_USER, Context
from components.credentials import SERIAL_LABEL, Credential, credential
from components.engine import Endpoint, Engine
from components.initialize import initialize
from components.network import Attachment
from components.secrets import DIRECTORY, EngineSecrets, Owner
from components.volume import data_volume
from init.resources.access import Access
from init.resources.health import HealthGate

PORT = 9000
CONSOLE_PORT = 9001
# By this name Milvus finds it, and on the backend network only; applications find it as `minio`.
STORAGE = "storage"
_OWNER = Owner(uid=1001, gid=1001)
# What it looks for in its directory of certificates.
_FILES = ("public.crt", "private.key")


class Minio(Engine):
    """One MinIO server with its volume, its users, a gate for Milvus and its buckets.

    `access` opens when Milvus' user is there, whose credential is `storage`.
    """

    gate: HealthGate | None
    access: Access | None

    def __init__(self, *, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("karen:database:Minio", "minio", None, opts)
        settings = context.settings
        self._settings = settings
        administrator, self._application, self.storage = self.credentials = _credentials(context, self)
        self.endpoint = Endpoint(
            service="minio", port=PORT, host_port=None if settings.production else settings.minio_port
        )
        volume = data_volume(context, "minio", parent=self)
        self.listener = listener(
            context, "minio", parent=self, enabled=settings.enable_minio, names=[STORAGE], files=_FILES
        )
        secrets = EngineSecrets(
            "minio",
            context=context,
            owner=_OWNER,
            files={
                "minio_user": settings.minio_user,
                "minio_password": administrator.password,
                **self.listener.files,
            },
            owned_volumes=[volume.name],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.connection = {
            "endpoint": f"{self.listener.scheme('http')}://minio:{PORT}",
            **self.listener.connection,
            "access_key": settings.minio_user,
            "secret_key": administrator.password,
        }
        self.gate = self.access = self.initialization = None
        if settings.enable_minio:
            self.server = self._server(context, volume.name, secrets)
            self.gate = HealthGate(
                "minio-health",
                stack=context.naming.stack,
                service="minio",
                container=self.server.id,
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.access = self._storage_access(context, self.gate)
            self.initialization = initialize("minio", context=context, engine=self, container=self.gate.container)
        self.register_outputs({})

    def _storage_access(self, context: Context, gate: HealthGate) -> Access:
        """Declare Milvus' user, which it needs when it starts: long before PostgreSQL, where migrations meet, is ready."""
        return Access(
            "minio-storage-access",
            stack=context.naming.stack,
            service="minio",
            image=context.image("toolbox"),
            network=context.network,
            user=TOOLBOX_USER,
            container=gate.container,
            connection=self.connection,
            accounts=[self.storage.account],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _server(self, context: Context, volume: pulumi.Output[str], secrets: EngineSecrets) -> DatabaseContainer:
        settings, encrypted = context.settings, self.listener.encrypted
        alive = f"{self.listener.scheme('http')}://127.0.0.1:{PORT}/minio/health/live"
        return DatabaseContainer(
            ContainerSpec(
                service="minio",
                owner=_OWNER,
                memory=settings.minio_memory,
                cpus=settings.minio_cpus,
                processes=1024,
                data_path="/data",
                networks=[
                    Attachment(network=context.network, alias="minio"),
                    Attachment(network=context.backend, alias=STORAGE),
                ],
                command=[
                    *("server", "/data", "--console-address", f":{CONSOLE_PORT}"),
                    *(("--certs-dir", DIRECTORY) if encrypted else ()),
                ],
                environment={
                    "MINIO_ROOT_USER_FILE": f"{DIRECTORY}/minio_user",
                    "MINIO_ROOT_PASSWORD_FILE": f"{DIRECTORY}/minio_password",
                },
                # Its own password is read when it starts.
                labels={SERIAL_LABEL: str(self.credentials[0].serial.number), **self.listener.labels},
                ports={PORT: settings.minio_port, CONSOLE_PORT: settings.minio_console_port},
                health=HealthCheck(
                    test=["CMD", "curl", "-fsS", "-o", "/dev/null", *(("--cacert", CA) if encrypted else ()), alive]
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
            "MINIO_ACCESS_KEY": self._application.user,
            "MINIO_SECRET_KEY": self._application.password,
            "MINIO_SECURE": str(self.listener.encrypted).lower(),
            **self.listener.application(form),
        }


def _credentials(context: Context, parent: Minio) -> tuple[Credential, Credential, Credential]:
    """Declare the server's own password, the application's, and that of Milvus, whose user takes turns with another one."""
    settings, number = context.settings, context.settings.serial("minio-storage").number
    given = settings.minio_password.get_secret_value() if settings.minio_password else None
    rights = "buckets" if settings.production else "owner"
    name, user = "minio-application", settings.minio_application_user
    return (
        credential(context, "minio-administrator", user=settings.minio_user, rights="administrator", parent=parent),
        credential(context, name, user=user, rights=rights, parent=parent, given=given),
        credential(
            context,
            "minio-storage",
            user=_storage_user(number),
            other_user=_storage_user(number + 1),
            rights="storage",
            parent=parent,
        ),
    )


def _storage_user(number: int) -> str:
    """Return the user of Milvus with a password's number: the last one is there until Milvus has started with the next."""
    return f"milvus-storage-{2 - number % 2}"

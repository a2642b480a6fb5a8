"""Milvus: vector search, standalone, over etcd and MinIO."""

from collections.abc import Sequence

import pulumi

from components import milvus_gateway
from components.certificates import CA, CERTIFICATE, KEY, listener
from components.container import ContainerSpec, DatabaseContainer, HealthCheck
from components.context import Context
from components.credentials import SERIAL_LABEL, Credential, credential
from components.engine import Endpoint, Engine
from components.etcd import PORT as ETCD_PORT
from components.initialize import initialize
from components.minio import PORT as MINIO_PORT
from components.minio import STORAGE
from components.network import Attachment
from components.secrets import DIRECTORY, EngineSecrets, Owner
from components.sizes import show_size
from components.volume import data_volume
from init.resources.access import Access
from init.resources.health import HealthGate

PORT = 19530
METRICS_PORT = 9091
BUCKET = "milvus-data"
ADMINISTRATOR = "root"
METADATA_LABEL = "com.ai-karen.metadata-container"
_OWNER = Owner(uid=1001, gid=1001)
# Its key for MinIO belongs into its settings file, of which a copy in memory gets it as the server starts: the environment of a
# process is told in more places.
_IMAGE_SETTINGS, _SETTINGS = "/milvus/configs", "/run/milvus"
_START = (
    f"cp -R {_IMAGE_SETTINGS}/. {_SETTINGS}"
    f" && sed -f {DIRECTORY}/milvus.sed {_IMAGE_SETTINGS}/milvus.yaml > {_SETTINGS}/milvus.yaml && exec milvus run standalone"
)
# Its second client of MinIO, which is not written in Go, knows authorities by files of the system alone: of Red Hat's, or of Debian's.
_AUTHORITIES = ("/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt")
_TRUST = "".join(f"cp {CA} {path} && " for path in _AUTHORITIES)
_TLS = {
    "COMMON_SECURITY_TLSMODE": "1",
    "TLS_SERVERPEMPATH": CERTIFICATE,
    "TLS_SERVERKEYPATH": KEY,
    "MINIO_USESSL": "true",
    "SSL_CERT_FILE": CA,
    "ETCD_SSL_ENABLED": "true",
    # It wants to have one to show, though etcd does not ask for it.
    "ETCD_SSL_TLSCERT": CERTIFICATE,
    "ETCD_SSL_TLSKEY": KEY,
    "ETCD_SSL_TLSCACERT": CA,
    "ETCD_SSL_TLSMINVERSION": "1.2",
}


class Milvus(Engine):
    """One Milvus server with its volume, its users (production) and its collections."""

    def __init__(
        self,
        *,
        context: Context,
        storage: Credential,
        metadata: HealthGate | None,
        buckets: Access | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`metadata` opens when etcd is healthy, `buckets` when MinIO has its account; `storage` is what opens its bucket there."""
        super().__init__("karen:database:Milvus", "milvus", None, opts)
        settings = context.settings
        self._settings = settings
        self._storage = storage
        self._metadata = metadata
        administrator, self._application = self.credentials = _credentials(context, self)
        self.endpoint = Endpoint(
            service="milvus", port=PORT, host_port=None if settings.production else settings.milvus_port
        )
        volume = data_volume(context, "milvus", parent=self)
        self.listener = listener(context, "milvus", parent=self, enabled=settings.enable_milvus)
        secrets = EngineSecrets(
            "milvus",
            context=context,
            owner=_OWNER,
            files={
                "milvus.sed": storage.password.apply(lambda value: _storage_key(storage.user, value)),
                **self.listener.files,
            },
            owned_volumes=[volume.name],
            passwords=administrator.accepted if settings.production else (),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.connection = {
            "host": "milvus",
            "port": PORT,
            "user": ADMINISTRATOR,
            "password": administrator.password,
            "authorization": settings.production,
            **self.listener.connection,
        }
        self.initialization = None
        if settings.enable_milvus:
            gates = [gate for gate in (metadata, buckets) if gate is not None]
            before = [*gates, *_gateway(context, self)]
            self.server = self._server(context, volume.name, secrets, before)
            # Milvus' metadata and segments are theirs: when one of them was made anew, the collections may be gone.
            identity = pulumi.Output.concat(*(part for gate in gates for part in (gate.container, " ")))
            self.initialization = initialize(
                "milvus",
                context=context,
                engine=self,
                container=self.server.id,
                identity=identity,
                # As whom a migration sees whether the application's writes are refused, which it copies rows under.
                also=_as_application(self._application),
            )
        self.register_outputs({})

    def _server(
        self, context: Context, volume: pulumi.Output[str], secrets: EngineSecrets, before: Sequence[pulumi.Resource]
    ) -> DatabaseContainer:
        settings, encrypted = context.settings, self.listener.encrypted
        authorities = {path.rpartition("/")[0]: 1 for path in _AUTHORITIES} if encrypted else {}
        return DatabaseContainer(
            ContainerSpec(
                service="milvus",
                owner=_OWNER,
                memory=settings.milvus_memory,
                cpus=settings.milvus_cpus,
                # Its pools have threads by the number of processors.
                processes=4096,
                data_path="/var/lib/milvus",
                scratch={_SETTINGS: 8, "/tmp": 64, **authorities},  # noqa: S108 - a path inside the container
                networks=[_front(context), Attachment(network=context.backend, alias="vectors")],
                command=["sh", "-c", f"{_TRUST}{_START}" if encrypted else _START],
                environment={
                    "MILVUSCONF": _SETTINGS,
                    "ETCD_ENDPOINTS": f"etcd:{ETCD_PORT}",
                    "MINIO_ADDRESS": f"{STORAGE}:{MINIO_PORT}",
                    "MINIO_BUCKETNAME": BUCKET,
                    "COMMON_SECURITY_AUTHORIZATIONENABLED": str(settings.production).lower(),
                    # Its older HTTP interface, on the port of the metrics, asks nobody for a password.
                    "PROXY_HTTP_ENABLED": str(not settings.production).lower(),
                    # Its default of 30 minutes ends every stop in a kill.
                    "COMMON_GRACEFULSTOPTIMEOUT": "2",
                    # What a stop leaves of its leases in etcd, the next start waits for; its default of 30 s made that 49 s.
                    "COMMON_SESSION_TTL": "20",
                    **(_TLS if encrypted else {}),
                    "LOG_LEVEL": "info" if settings.production else "debug",
                },
                # Its key for MinIO is read when it starts; and it ends itself when etcd forgets its lease, which
                # another container of etcd does.
                labels={
                    SERIAL_LABEL: str(self._storage.serial.number),
                    **self.listener.labels,
                    **({METADATA_LABEL: self._metadata.container} if self._metadata else {}),
                },
                ports={PORT: settings.milvus_port},
                health=HealthCheck(
                    test=["CMD", "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{METRICS_PORT}/healthz"],
                    start_period_seconds=120,
                ),
                # Of twelve stops nine took up to eight seconds, and one had not ended after 60; what is acknowledged is in its log.
                stop_seconds=10,
            ),
            context=context,
            volume=volume,
            secrets=secrets,
            login=self.connection,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(before)),
        )

    def environment(self, form: str) -> dict[str, pulumi.Input[str]]:
        """Return MILVUS_*; in development there is no authentication, and user and password are empty."""
        assert self.endpoint is not None
        host, port = self.endpoint.address(form)
        secured = self._settings.production
        return {
            "MILVUS_HOST": host,
            "MILVUS_PORT": str(port),
            "MILVUS_USER": self._application.user if secured else "",
            "MILVUS_PASSWORD": self._application.password if secured else "",
            "MILVUS_SECURE": str(self.listener.encrypted).lower(),
            **self.listener.application(form),
            "MILVUS_MEMORY_LIMIT": show_size(self._settings.milvus_memory),
        }


def _front(context: Context) -> Attachment:
    """Return where clients are: in production they come through the gateway, for most ports of Milvus ask nobody for a password."""
    if context.vectors is None:
        return Attachment(network=context.network, alias="milvus")
    return Attachment(network=context.vectors, alias=milvus_gateway.SERVER)


def _gateway(context: Context, parent: pulumi.Resource) -> list[pulumi.Resource]:
    if context.vectors is None:
        return []
    opts = pulumi.ResourceOptions(parent=parent)
    return [milvus_gateway.MilvusGateway(PORT, context=context, vectors=context.vectors, opts=opts).container]


def _storage_key(user: str, password: str) -> str:
    """Return what puts the key for MinIO into the settings; a generated password has no character that means something there."""
    return f's/^  accessKeyID: .*/  accessKeyID: "{user}"/\ns/^  secretAccessKey: .*/  secretAccessKey: "{password}"/\n'


def _as_application(application: Credential) -> dict[str, pulumi.Input[str]]:
    names = ("app_password", "app_next_password")
    return {"app_user": application.user, **dict(zip(names, application.accepted, strict=False))}


def _credentials(context: Context, parent: Milvus) -> tuple[Credential, Credential]:
    """Declare the administrator's password and the application's; in development nobody is asked for one."""
    settings = context.settings
    given = settings.milvus_password.get_secret_value() if settings.milvus_password else None
    name, user = "milvus-application", settings.milvus_user
    return (
        credential(context, "milvus-administrator", user=ADMINISTRATOR, rights="administrator", parent=parent),
        credential(context, name, user=user, rights="rows", parent=parent, given=given),
    )

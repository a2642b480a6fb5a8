"""Elasticsearch: full-text search over memories and documents, on one node with security on."""

import pulumi

from components.certificates import CA, CERTIFICATE, KEY, listener
from components.container import ContainerSpec, DatabaseContainer, HealthCheck
from components.context import Context
from components.credentials import Credential, credential
from components.engine import Endpoint, Engine
from components.initialize import data_user, initialize
from components.network import Attachment
from components.secrets import DIRECTORY, EngineSecrets, Owner
from components.settings import Settings
from components.sizes import mebibytes
from components.volume import data_volume
from init.resources.files import Directory

PORT = 9200
ADMINISTRATOR = "elastic"
_OWNER = Owner(uid=1000, gid=1000)
_DATA = "/usr/share/elasticsearch/data"
# Where snapshots pass between the server and jobs, as the server sees it and as they do.
_STAGING = "/usr/share/elasticsearch/staging"
# The server writes its keystore beside its settings, so those are copied to where it may, as it starts.
_SETTINGS = "/run/elasticsearch"
# The image's own start would read the password into the server's environment, from where children and crash reports have it.
_START = (
    f"cp -R /usr/share/elasticsearch/config/. {{}} {_SETTINGS}"
    f" && elasticsearch-keystore add --force --stdin bootstrap.password < {DIRECTORY}/elastic_password > /dev/null"
    ' && exec docker-entrypoint.sh "$@"'
)
STAGING = "/staging/elasticsearch"
# Beside its settings as well: it reads certificates nowhere else.
_TLS = {"xpack.security.http.ssl.certificate": "tls.crt", "xpack.security.http.ssl.key": "tls.key"}
# During a rotation the server accepts one of two passwords.
_ASK = f"curl -fsS -o /dev/null -K {DIRECTORY}/{{}} {{}}"


def environment(settings: Settings) -> dict[str, str]:
    """Return the server's environment. The transport listens on loopback: one node has nobody to talk to."""
    heap = mebibytes(settings.elasticsearch_heap)
    # In development the second compiler costs more start-up time than it gives back.
    compiler = "" if settings.production else " -XX:TieredStopAtLevel=1"
    return {
        "cluster.name": "ai-karen",
        "node.name": "elasticsearch",
        "discovery.type": "single-node",
        "http.host": "0.0.0.0",
        "path.repo": _STAGING,
        "ES_PATH_CONF": _SETTINGS,
        "transport.host": "127.0.0.1",
        "xpack.security.enabled": "true",
        "xpack.security.http.ssl.enabled": str(settings.encrypted).lower(),
        **(_TLS if settings.encrypted else {}),
        "xpack.security.transport.ssl.enabled": "false",
        # Requests and their failures; debugging everything slows the start.
        "logger.org.elasticsearch.action": "INFO" if settings.production else "DEBUG",
        "ES_JAVA_OPTS": f"-Xms{heap}m -Xmx{heap}m{compiler}",
    }


class Elasticsearch(Engine):
    """One Elasticsearch node with its volume, its users and its indices."""

    def __init__(self, *, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("karen:database:Elasticsearch", "elasticsearch", None, opts)
        settings = context.settings
        self._settings = settings
        administrator, self._application, self._reader = self.credentials = _credentials(context, self)
        self.endpoint = Endpoint(
            service="elasticsearch", port=PORT, host_port=None if settings.production else settings.elasticsearch_port
        )
        volume = data_volume(context, "elasticsearch", parent=self)
        self.listener = listener(context, "elasticsearch", parent=self, enabled=settings.enable_elasticsearch)
        staging = data_volume(context, "elasticsearch", purpose="staging", parent=self)
        self.staging = staging.name
        secrets = EngineSecrets(
            "elasticsearch",
            context=context,
            owner=_OWNER,
            files={
                "elastic_password": administrator.password,
                **_health_files(administrator),
                **self.listener.files,
            },
            owned_volumes=[volume.name],
            passwords=administrator.accepted,
            # The server writes into one what a job reads, and a job into the other what the server reads.
            directories=[
                Directory(volume=staging.name, name="sets", owner=str(_OWNER)),
                Directory(volume=staging.name, name="restores", owner=data_user(settings)),
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.connection = {
            "url": f"{self.listener.scheme('http')}://elasticsearch:{PORT}",
            **self.listener.connection,
            "user": ADMINISTRATOR,
            "password": administrator.password,
            "staging": STAGING,
            "repository": _STAGING,
        }
        self.initialization = None
        if settings.enable_elasticsearch:
            self.server = self._server(context, volume.name, staging.name, secrets)
            self.initialization = initialize("elasticsearch", context=context, engine=self, container=self.server.id)
        self.register_outputs({})

    def _server(
        self, context: Context, volume: pulumi.Output[str], staging: pulumi.Output[str], secrets: EngineSecrets
    ) -> DatabaseContainer:
        settings = context.settings
        address = f"{self.listener.scheme('http')}://127.0.0.1:{PORT}"
        question = f"'{address}/_cluster/health?wait_for_status=yellow&timeout=2s'"
        asked = f"--cacert {CA} {question}" if self.listener.encrypted else question
        certificate = f"{CERTIFICATE} {KEY}" if self.listener.encrypted else ""
        return DatabaseContainer(
            ContainerSpec(
                service="elasticsearch",
                owner=_OWNER,
                memory=settings.elasticsearch_memory,
                cpus=settings.elasticsearch_cpus,
                # Its pools have threads by the number of processors.
                processes=4096,
                data_path=_DATA,
                # Not sh, which drops the variables that are settings: their names have dots.
                entrypoint=["tini", "--", "bash", "-c", _START.format(certificate), "elasticsearch"],
                command=["eswrapper"],
                scratch={_SETTINGS: 8, "/usr/share/elasticsearch/logs": 64, "/tmp": 64},  # noqa: S108 - inside the container
                networks=[Attachment(network=context.network, alias="elasticsearch")],
                sockets={_STAGING: staging},
                environment=environment(settings),
                labels=self.listener.labels,
                ports={PORT: settings.elasticsearch_port},
                health=HealthCheck(
                    test=[
                        "CMD-SHELL",
                        f"{_ASK.format('curl.conf', asked)} || {_ASK.format('curl.next.conf', asked)}",
                    ],
                    start_period_seconds=180,
                ),
                stop_seconds=60,
            ),
            context=context,
            volume=volume,
            secrets=secrets,
            login=self.connection,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def environment(self, form: str) -> dict[str, pulumi.Input[str]]:
        """Return ELASTICSEARCH_*."""
        assert self.endpoint is not None
        host, port = self.endpoint.address(form)
        return {
            "ELASTICSEARCH_HOST": host,
            "ELASTICSEARCH_PORT": str(port),
            "ELASTICSEARCH_SCHEME": self.listener.scheme("http"),
            **self.listener.application(form),
            "ELASTICSEARCH_USER": self._application.user,
            "ELASTICSEARCH_PASSWORD": self._application.password,
            "ELASTICSEARCH_READER": self._reader.user,
            "ELASTICSEARCH_READER_PASSWORD": self._reader.password,
            "ELASTICSEARCH_HEAP_SIZE": f"{mebibytes(self._settings.elasticsearch_heap)}m",
        }


def _credentials(context: Context, parent: Elasticsearch) -> tuple[Credential, Credential, Credential]:
    """Declare the administrator's password, the application's and the reader's."""
    settings = context.settings
    given = settings.elasticsearch_password.get_secret_value() if settings.elasticsearch_password else None
    # In development, applications may make indices of any name.
    rights = "read-write" if settings.production else "owner"
    name, user, reader = "elasticsearch-application", settings.elasticsearch_user, settings.elasticsearch_reader
    return (
        credential(context, "elasticsearch-administrator", user=ADMINISTRATOR, rights="administrator", parent=parent),
        credential(context, name, user=user, rights=rights, parent=parent, given=given),
        credential(context, "elasticsearch-reader", user=reader, rights="read-only", parent=parent),
    )


def _health_files(administrator: Credential) -> dict[str, pulumi.Input[str]]:
    """Return what the health check reads; the second file is there during a rotation only."""
    names = ("curl.conf", "curl.next.conf")
    return {
        name: password.apply(lambda value: f'user = "{ADMINISTRATOR}:{value}"\n')
        for name, password in zip(names, administrator.accepted, strict=False)
    }

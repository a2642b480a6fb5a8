"""PostgreSQL: memory, conversations, extensions, audit, and the shared ledger of migrations."""

import pulumi

from components.certificates import CERTIFICATE, KEY, Listener, listener
from components.container import ContainerSpec, DatabaseContainer, HealthCheck
from components.context import Context
from components.credentials import Credential, credential
from components.engine import Endpoint, Engine
from components.initialize import initialize
from components.network import Attachment
from components.secrets import DIRECTORY, EngineSecrets, Owner
from components.settings import Settings
from components.sizes import MEBIBYTE
from components.urls import database_url
from components.volume import data_volume

PORT = 5432
# Who initializes, backs up and watches; no application is told.
ADMINISTRATOR = "karen_administrator"
_OWNER = Owner(uid=999, gid=999)
_DATA = "/var/lib/postgresql/data"
# Who may connect, whatever the data directory says: the server's own user over its socket, everybody else with a password, who
# is a role that may replicate for a backup. Of TLS' kind is whoever encrypts.
_ACCESS = """\
local all all trust
local replication all trust
{kind} all all all scram-sha-256
{kind} replication all all scram-sha-256
"""
_TLS = {"ssl": "on", "ssl_cert_file": CERTIFICATE, "ssl_key_file": KEY}


class Postgres(Engine):
    """One PostgreSQL server with its volume, its users and its schema."""

    def __init__(self, *, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("karen:database:Postgres", "postgres", None, opts)
        settings = context.settings
        self._settings = settings
        administrator, self._application, self._reader = self.credentials = _credentials(context, self)
        self.endpoint = Endpoint(
            service="postgres", port=PORT, host_port=None if settings.production else settings.postgres_port
        )
        volume = data_volume(context, "postgres", parent=self)
        self.listener = listener(context, "postgres", parent=self)
        secrets = EngineSecrets(
            "postgres",
            context=context,
            owner=_OWNER,
            files={
                "postgres_password": administrator.password,
                "pg_hba.conf": _ACCESS.format(kind="hostssl" if self.listener.encrypted else "host"),
                **self.listener.files,
            },
            owned_volumes=[volume.name],
            passwords=administrator.accepted,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.connection = {
            "host": "postgres",
            "port": PORT,
            "user": ADMINISTRATOR,
            "password": administrator.password,
            "database": settings.postgres_db,
            **self.listener.connection,
        }
        self.server = self._server(context, volume.name, secrets)
        self.initialization = initialize("postgres", context=context, engine=self, container=self.server.id)
        self.register_outputs({"schemaVersion": self.initialization.schema_version})

    def _server(self, context: Context, volume: pulumi.Output[str], secrets: EngineSecrets) -> DatabaseContainer:
        settings = context.settings
        return DatabaseContainer(
            ContainerSpec(
                service="postgres",
                owner=_OWNER,
                memory=settings.postgres_memory,
                cpus=settings.postgres_cpus,
                # One for each connection, its own, and what asks for its health.
                processes=settings.postgres_max_connections + 128,
                shared_memory=128,
                data_path=_DATA,
                scratch={"/tmp": 16, "/var/run/postgresql": 1},  # noqa: S108 - a path inside the container
                networks=[Attachment(network=context.network, alias="postgres")],
                command=self._command(context),
                labels=self.listener.labels,
                environment={
                    "POSTGRES_DB": settings.postgres_db,
                    "POSTGRES_USER": ADMINISTRATOR,
                    "POSTGRES_PASSWORD_FILE": f"{DIRECTORY}/postgres_password",
                    "POSTGRES_INITDB_ARGS": "--auth-host=scram-sha-256 --data-checksums",
                    "PGDATA": f"{_DATA}/pgdata",
                },
                ports={PORT: settings.postgres_port},
                health=HealthCheck(test=_ready(settings)),
                stop_signal="SIGINT",
            ),
            context=context,
            volume=volume,
            secrets=secrets,
            login=self.connection,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _command(self, context: Context) -> list[str]:
        """Return the server's command line: memory settings follow the container's limit."""
        settings = context.settings
        options = {
            "max_connections": settings.postgres_max_connections,
            # A quarter of the memory, as the manual's section on resource consumption advises for a dedicated server.
            "shared_buffers": f"{settings.postgres_memory // 4 // MEBIBYTE}MB",
            "effective_cache_size": f"{settings.postgres_memory // 2 // MEBIBYTE}MB",
            "password_encryption": "scram-sha-256",
            "hba_file": f"{DIRECTORY}/pg_hba.conf",
            # What backups read is kept for them while they are away, up to a limit: the disk is the server's first of all.
            "wal_level": "replica",
            "max_slot_wal_keep_size": f"{settings.wal_keep_size // MEBIBYTE}MB",
            **(_TLS if self.listener.encrypted else {}),
            "log_min_duration_statement": "1s" if settings.production else "200ms",
            "log_min_messages": "warning" if settings.production else "debug1",
        }
        return ["postgres", *(part for key, value in options.items() for part in ("-c", f"{key}={value}"))]

    def environment(self, form: str) -> dict[str, pulumi.Input[str]]:
        """Return POSTGRES_*, DATABASE_URL and what libpq verifies with."""
        assert self.endpoint is not None
        host, port = self.endpoint.address(form)
        settings, user = self._settings, self._application.user
        verified = _verified(self.listener, form)
        return {
            "POSTGRES_DB": settings.postgres_db,
            "POSTGRES_USER": user,
            "POSTGRES_PASSWORD": self._application.password,
            "POSTGRES_READER": self._reader.user,
            "POSTGRES_READER_PASSWORD": self._reader.password,
            "POSTGRES_HOST": host,
            "POSTGRES_PORT": str(port),
            "POSTGRES_MAX_CONNECTIONS": str(settings.postgres_max_connections),
            "DATABASE_URL": self._application.password.apply(
                lambda value: database_url("postgresql", user, value, host, port, settings.postgres_db, verified)
            ),
            **{f"PG{name.upper()}": value for name, value in verified.items()},
            **self.listener.application(form),
        }


def _credentials(context: Context, parent: Postgres) -> tuple[Credential, Credential, Credential]:
    """Declare the administrator's password, the application's and the reader's."""
    settings = context.settings
    given = settings.postgres_password.get_secret_value() if settings.postgres_password else None
    # In development, applications may make tables as well.
    rights = "read-write" if settings.production else "owner"
    return (
        credential(context, "postgres-administrator", user=ADMINISTRATOR, rights="administrator", parent=parent),
        credential(
            context, "postgres-application", user=settings.postgres_user, rights=rights, parent=parent, given=given
        ),
        credential(context, "postgres-reader", user=settings.postgres_reader, rights="read-only", parent=parent),
    )


def _verified(listener: Listener, form: str) -> dict[str, str]:
    """Return libpq's parameters with which an application verifies the server."""
    return {"sslmode": "verify-full", "sslrootcert": listener.authority[form]} if listener.encrypted else {}


def _ready(settings: Settings) -> list[str]:
    # Over TCP: while the image prepares a new volume, its server listens on a socket only.
    return ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", ADMINISTRATOR, "-d", settings.postgres_db]

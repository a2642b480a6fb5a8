"""Redis: cache and sessions, with an append-only file and one access list."""

import hashlib
from collections.abc import Iterable, Sequence

import pulumi

from components.certificates import CA, CERTIFICATE, KEY, listener
from components.container import ContainerSpec, DatabaseContainer, HealthCheck
from components.context import Context
from components.credentials import Credential, credential
from components.engine import Endpoint, Engine
from components.initialize import initialize
from components.network import Attachment
from components.secrets import DIRECTORY, EngineSecrets, Owner
from components.settings import Settings
from components.sizes import show_size
from components.urls import database_url
from components.volume import data_volume

PORT = 6379
_OWNER = Owner(uid=999, gid=999)
# Of the container's limit: the rest is for buffers, fragmentation and the copy-on-write pages of a rewrite.
_DATA_SHARE = 0.75
# The user that clients are which send only a password: an application.
APPLICATION = "default"
ADMINISTRATOR = "administrator"
READER, MONITOR, BACKUPS = "reader", "monitor", "backups"
_EVERYTHING = "~* &* +@all"
# In production applications go without the commands that administer.
_APPLICATION_RULES = {True: "~* &* +@all -@admin -@dangerous +info +keys", False: _EVERYTHING}
# What every other user needs for what it is there for; facts (INFO) are what each login begins with.
RULES = {
    READER: "~* +@read +@connection +@transaction -@admin -@dangerous +info",
    MONITOR: "~ai_karen:probe:* +@connection -@admin -@dangerous +info +multi +exec +set +get +ttl +del",
    BACKUPS: "~* +@read +@connection -@admin -@dangerous +info +replconf +sync",
}
# On the data volume, where the server saves each change.
_ACCESS_LIST = "users.acl"
# Whoever connects proves who they are by a password, not by a certificate.
_TLS = {
    "port": "0",
    "tls-port": str(PORT),
    "tls-cert-file": CERTIFICATE,
    "tls-key-file": KEY,
    "tls-ca-cert-file": CA,
    "tls-auth-clients": "no",
}


def command(settings: Settings) -> list[str]:
    """Return the server's command line: the file holds what is secret, the arguments what is not."""
    options = {
        "dir": "/data",
        "maxmemory": str(maximum_memory(settings)),
        "maxmemory-policy": settings.redis_eviction_policy,
        "appendonly": "yes" if settings.redis_append_only else "no",
        "appendfsync": "everysec",
        # There are no replicas that a backup's copy should wait for.
        "repl-diskless-sync-delay": "0",
        "loglevel": "notice" if settings.production else "verbose",
        **(_TLS if settings.encrypted else {}),
    }
    return [
        "redis-server",
        f"{DIRECTORY}/redis.conf",
        *(part for key, value in options.items() for part in (f"--{key}", value)),
    ]


def access_list(accounts: Iterable[Sequence[str]]) -> str:
    """Return the access list that a new server begins with, for users with passwords and rules: hashes only, as `ACL SAVE` writes them."""
    return "".join(
        f"user {user} on #{hashlib.sha256(password.encode()).hexdigest()} {rules}\n"
        for user, password, rules in accounts
    )


def maximum_memory(settings: Settings) -> int:
    """Return how many bytes of data Redis may hold within its container's limit."""
    return int(settings.redis_memory * _DATA_SHARE)


class Redis(Engine):
    """One Redis server with its volume, its access list and its persistence."""

    def __init__(self, *, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("karen:database:Redis", "redis", None, opts)
        settings = context.settings
        self._settings = settings
        self.credentials = _credentials(context, self)
        administrator, self._application, self._reader, monitor, backups = self.credentials
        self.endpoint = Endpoint(
            service="redis", port=PORT, host_port=None if settings.production else settings.redis_port
        )
        volume = data_volume(context, "redis", parent=self)
        self.listener = listener(context, "redis", parent=self, enabled=settings.enable_redis)
        acl = pulumi.Output.all(*((one.user, one.password, one.rights) for one in self.credentials)).apply(access_list)
        secrets = EngineSecrets(
            "redis",
            context=context,
            owner=_OWNER,
            files={
                "redis.conf": f"aclfile /data/{_ACCESS_LIST}\n",
                "redis_password": self._application.password,
                **self.listener.files,
            },
            owned_volumes=[volume.name],
            seeds={_ACCESS_LIST: acl},
            passwords=administrator.accepted,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.connection = {
            "host": "redis",
            "port": PORT,
            "username": ADMINISTRATOR,
            "password": administrator.password,
            **self.listener.connection,
            "expect": {
                "maxmemory": maximum_memory(settings),
                "maxmemory-policy": settings.redis_eviction_policy,
                "appendonly": "yes" if settings.redis_append_only else "no",
            },
        }
        self.logins = {one.user: {"username": one.user, "password": one.password} for one in (monitor, backups)}
        self.initialization = None
        if settings.enable_redis:
            self.server = self._server(context, volume.name, secrets)
            self.initialization = initialize("redis", context=context, engine=self, container=self.server.id)
        self.register_outputs({})

    def _server(self, context: Context, volume: pulumi.Output[str], secrets: EngineSecrets) -> DatabaseContainer:
        settings = context.settings
        client = f"redis-cli --tls --cacert {CA}" if self.listener.encrypted else "redis-cli"
        ping = f'REDISCLI_AUTH="$(cat {DIRECTORY}/redis_password)" {client} ping | grep -q PONG'
        return DatabaseContainer(
            ContainerSpec(
                service="redis",
                owner=_OWNER,
                memory=settings.redis_memory,
                cpus=settings.redis_cpus,
                processes=128,
                data_path="/data",
                networks=[Attachment(network=context.network, alias="redis")],
                command=command(settings),
                labels=self.listener.labels,
                ports={PORT: settings.redis_port},
                health=HealthCheck(test=["CMD-SHELL", ping]),
            ),
            context=context,
            volume=volume,
            secrets=secrets,
            login=self.connection,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def environment(self, form: str) -> dict[str, pulumi.Input[str]]:
        """Return REDIS_*."""
        assert self.endpoint is not None
        host, port = self.endpoint.address(form)
        verified = {"ssl_ca_certs": self.listener.authority[form]} if self.listener.encrypted else {}
        return {
            "REDIS_HOST": host,
            "REDIS_PORT": str(port),
            "REDIS_PASSWORD": self._application.password,
            "REDIS_READER": self._reader.user,
            "REDIS_READER_PASSWORD": self._reader.password,
            "REDIS_TLS": str(self.listener.encrypted).lower(),
            "REDIS_MEMORY_LIMIT": show_size(self._settings.redis_memory),
            "REDIS_URL": self._application.password.apply(
                lambda value: database_url(self.listener.scheme("redis"), "", value, host, port, "0", verified)
            ),
            **self.listener.application(form),
        }


def _credentials(context: Context, parent: Redis) -> tuple[Credential, ...]:
    """Declare the administrator's password, the application's, the reader's, the monitor's and the backups'."""
    settings = context.settings
    given = settings.redis_password.get_secret_value() if settings.redis_password else None
    rights = _APPLICATION_RULES[settings.production]
    return (
        credential(context, "redis-administrator", user=ADMINISTRATOR, rights=_EVERYTHING, parent=parent),
        credential(context, "redis-application", user=APPLICATION, rights=rights, parent=parent, given=given),
        *(credential(context, f"redis-{user}", user=user, rights=RULES[user], parent=parent) for user in RULES),
    )

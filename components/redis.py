"""Redis: cache and sessions, with an append-only file and one access list."""

import hashlib

import pulumi

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
# In production applications go without the commands that administer.
_APPLICATION_RULES = {True: "~* &* +@all -@admin -@dangerous +info +keys", False: "~* &* +@all"}
# On the data volume, where the server saves each change.
_ACCESS_LIST = "users.acl"


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
    }
    return [
        "redis-server",
        f"{DIRECTORY}/redis.conf",
        *(part for key, value in options.items() for part in (f"--{key}", value)),
    ]


def access_list(password: str, administrator: str, *, production: bool) -> str:
    """Return the access list that a new server begins with: hashes only, as `ACL SAVE` would write it."""
    default, admin = (hashlib.sha256(text.encode()).hexdigest() for text in (password, administrator))
    application = f"user {APPLICATION} on #{default} {_APPLICATION_RULES[production]}"
    return f"{application}\nuser {ADMINISTRATOR} on #{admin} ~* &* +@all\n"


def maximum_memory(settings: Settings) -> int:
    """Return how many bytes of data Redis may hold within its container's limit."""
    return int(settings.redis_memory * _DATA_SHARE)


class Redis(Engine):
    """One Redis server with its volume, its access list and its persistence."""

    def __init__(self, *, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("karen:database:Redis", "redis", None, opts)
        settings = context.settings
        self._settings = settings
        administrator, self._application = self.credentials = _credentials(context, self)
        self.endpoint = Endpoint(
            service="redis", port=PORT, host_port=None if settings.production else settings.redis_port
        )
        volume = data_volume(context, "redis", parent=self)
        acl = pulumi.Output.all(self._application.password, administrator.password).apply(
            lambda both: access_list(both[0], both[1], production=settings.production)
        )
        secrets = EngineSecrets(
            "redis",
            context=context,
            owner=_OWNER,
            files={
                "redis.conf": f"aclfile /data/{_ACCESS_LIST}\n",
                "redis_password": self._application.password,
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
            "expect": {
                "maxmemory": maximum_memory(settings),
                "maxmemory-policy": settings.redis_eviction_policy,
                "appendonly": "yes" if settings.redis_append_only else "no",
            },
        }
        self.initialization = None
        if settings.enable_redis:
            self.server = self._server(context, volume.name, secrets)
            self.initialization = initialize("redis", context=context, engine=self, container=self.server.id)
        self.register_outputs({})

    def _server(self, context: Context, volume: pulumi.Output[str], secrets: EngineSecrets) -> DatabaseContainer:
        settings = context.settings
        ping = f'REDISCLI_AUTH="$(cat {DIRECTORY}/redis_password)" redis-cli ping | grep -q PONG'
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
        return {
            "REDIS_HOST": host,
            "REDIS_PORT": str(port),
            "REDIS_PASSWORD": self._application.password,
            "REDIS_MEMORY_LIMIT": show_size(self._settings.redis_memory),
            "REDIS_URL": self._application.password.apply(
                lambda value: database_url("redis", "", value, host, port, "0")
            ),
        }


def _credentials(context: Context, parent: Redis) -> tuple[Credential, Credential]:
    """Declare the administrator's password and the application's."""
    settings = context.settings
    given = settings.redis_password.get_secret_value() if settings.redis_password else None
    rights = _APPLICATION_RULES[settings.production]
    return (
        credential(context, "redis-administrator", user=ADMINISTRATOR, rights="~* &* +@all", parent=parent),
        credential(context, "redis-application", user=APPLICATION, rights=rights, parent=parent, given=given),
    )

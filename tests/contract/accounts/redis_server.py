"""A Redis server whose users are in an access list on its volume."""

import os
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from components.images import reference
from components.redis import access_list
from init.engines import load
from tests.contract.containers import SOURCE, Contract

PRODUCTION = "~* &* +@all -@admin -@dangerous +info +keys"
APPLICATION = {"name": "redis-application", "user": "default", "password": "application-1", "rights": PRODUCTION}
ADMINISTRATOR = {"name": "redis-administrator", "user": "administrator", "rights": "~* &* +@all"}
SEEDED = (("default", "application-1", PRODUCTION), ("administrator", "administrator-1", "~* &* +@all"))


class Server:
    """A server whose access list is on its volume, a directory."""

    def __init__(self, contract: Contract, directory: Path) -> None:
        (directory / "users.acl").write_text(access_list(SEEDED))
        self.directory = directory
        self.container = contract.client.containers.create(
            reference("redis", SOURCE),
            ["redis-server", "--aclfile", "/data/users.acl", "--dir", "/data", "--appendonly", "yes", "--repl-diskless-sync-delay", "0"],
            user=f"{os.getuid()}:{os.getgid()}", network=contract.name, labels=contract.labels,
            volumes={str(directory): {"bind": "/data"}},
        )  # fmt: skip
        self.connection: dict[str, Any] = {"port": 6379, "username": "administrator", "password": "administrator-1"}
        self.start()

    def start(self) -> None:
        self.container.start()
        self.container.reload()
        (network,) = self.container.attrs["NetworkSettings"]["Networks"].values()
        self.connection["host"] = network["IPAddress"]

    def restart(self) -> None:
        self.container.kill()
        self.container.wait()
        self.start()

    def driver(self) -> Any:
        driver: Any = load("redis")
        driver.connect(self.connection)
        return driver

    def lets_in(self, password: str, user: str | None = None) -> bool:
        self.driver().close()
        with redis.Redis(
            host=self.connection["host"], username=user, password=password, retry=Retry(NoBackoff(), 0)
        ) as client:
            try:
                return bool(client.ping())
            except redis.AuthenticationError:
                return False

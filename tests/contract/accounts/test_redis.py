"""Redis' users: two passwords during a rotation, one afterwards, and none forgotten over a restart."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from components.images import reference
from components.redis import access_list
from init.engines import load
from init.rotating import change, refuse
from tests.contract.accounts.passwords import ALL
from tests.contract.containers import SOURCE, Contract

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]
PRODUCTION = "~* &* +@all -@admin -@dangerous +info +keys"
APPLICATION = {"name": "redis-application", "user": "default", "password": "application-1", "rights": PRODUCTION}
ADMINISTRATOR = {"name": "redis-administrator", "user": "administrator", "rights": "~* &* +@all"}


class Server:
    """A server whose access list is on its volume, a directory."""

    def __init__(self, contract: Contract, directory: Path) -> None:
        (directory / "users.acl").write_text(access_list("application-1", "administrator-1", production=True))
        self.directory = directory
        self.container = contract.client.containers.create(
            reference("redis", SOURCE),
            ["redis-server", "--aclfile", "/data/users.acl", "--dir", "/data", "--appendonly", "yes"],
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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Contract.session("accounts-redis") as contract:
        yield Server(contract, tmp_path)


def test_who_sends_only_a_password_is_the_application_and_administers_nothing(server: Server) -> None:
    server.driver().grant([APPLICATION])
    with redis.Redis(host=server.connection["host"], password="application-1", decode_responses=True) as client:
        client.set("a", "b", ex=100)
        assert client.get("a") == "b"
        assert client.keys() == ["a"]
        for refused in (
            ("CONFIG", "GET", "*"),
            ("ACL", "LIST"),
            ("FLUSHALL",),
            ("SHUTDOWN",),
            ("SYNC",),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*refused)


def test_each_step_of_a_rotation_outlives_a_restart(server: Server) -> None:
    following = {**APPLICATION, "password": "application-2", "former_password": "application-1"}
    boss = {**ADMINISTRATOR, "password": "administrator-2", "former_password": "administrator-1"}
    request = {"engine": "redis", "connection": server.connection, "accounts": [following, boss]}
    assert change(request)["changed"] == ["redis-administrator", "redis-application"]
    for _ in range(2):
        assert server.lets_in("application-1")
        assert server.lets_in("application-2")
        assert server.lets_in("administrator-1", "administrator")
        assert server.lets_in("administrator-2", "administrator")
        assert change(request)["changed"] == []
        server.restart()
    server.connection["password"] = "administrator-2"
    server.driver().grant([following])
    for _ in range(2):
        assert not server.lets_in("application-1")
        assert server.lets_in("application-2")
        assert not server.lets_in("administrator-1", "administrator")
        server.restart()
    told = [{**one, "former_user": one["user"]} for one in (following, boss)]
    assert len(refuse({**request, "connection": server.connection, "accounts": told})["refused"]) == 2


def test_the_volume_has_hashes_only(server: Server) -> None:
    change(
        {
            "engine": "redis",
            "connection": server.connection,
            "accounts": [{**APPLICATION, "password": "application-2", "former_password": "application-1"}],
        }
    )
    saved = (server.directory / "users.acl").read_text()
    assert "application-" not in saved
    assert "administrator-" not in saved
    assert saved.count("#") == 3


@pytest.mark.parametrize("password", ALL)
def test_any_password_opens(server: Server, password: str) -> None:
    server.driver().grant([{**APPLICATION, "password": password}])
    assert server.lets_in(password)
    assert not server.lets_in(password + "x")
    assert not server.lets_in("application-1")


def test_an_initialization_during_a_rotation_leaves_both(server: Server) -> None:
    server.driver().grant([{**APPLICATION, "next_password": "application-2"}])
    assert server.lets_in("application-1")
    assert server.lets_in("application-2")
    server.driver().grant([APPLICATION])
    assert not server.lets_in("application-2")

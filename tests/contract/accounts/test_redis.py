"""Redis' users: two passwords during a rotation, one afterwards, and none forgotten over a restart."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from init.rotating import change, refuse
from tests.contract.accounts.passwords import ALL
from tests.contract.accounts.redis_server import ADMINISTRATOR, APPLICATION, Server
from tests.contract.containers import Contract

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]


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

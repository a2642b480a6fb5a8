"""Milvus' users: rows and no schema, and passwords that change."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from pymilvus import MilvusClient, MilvusException

from init.engines import load
from init.rotating import change, refuse
from tests.contract.accounts.passwords import ALL
from tests.contract.milvus_server import Server, started

pytestmark = [pytest.mark.contract, pytest.mark.timeout(240)]
APPLICATION = {"name": "milvus-application", "user": "rows_user", "password": "application-1", "rights": "rows"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started("accounts-milvus", authorization=True) as found:
        yield found


@pytest.fixture
def administrator(server: Server) -> Iterator[Any]:
    driver: Any = load("milvus")
    driver.connect(server.connection)
    yield driver
    driver.close()


def opened(server: Server, account: dict[str, str]) -> MilvusClient:
    address = f"http://{server.connection['host']}:{server.connection['port']}"
    return MilvusClient(uri=address, user=account["user"], password=account["password"], timeout=10, dedicated=True)


def test_an_application_changes_neither_schema_nor_users(administrator: Any, server: Server) -> None:
    administrator.grant([APPLICATION])
    client = opened(server, APPLICATION)
    assert isinstance(client.list_collections(), list)
    there = MilvusClient(
        uri=f"http://{server.connection['host']}:{server.connection['port']}",
        **{key: str(server.connection[key]) for key in ("user", "password")},
    )
    there.create_collection("standing", dimension=2)
    attempts: list[Callable[[], object]] = [
        lambda: client.drop_collection("standing"),
        lambda: client.release_collection("standing"),
        lambda: client.drop_index("standing", "vector"),
        lambda: client.rename_collection("standing", "moved"),
        lambda: client.create_collection("own", dimension=2),
        lambda: client.create_user("another", "another-1"),
        lambda: client.create_role("another"),
        lambda: client.create_database("another"),
    ]
    for attempt in attempts:
        with pytest.raises((MilvusException, grpc.RpcError), match=r"(?i)permission deny|not permitted|privilege"):
            attempt()
    assert there.has_collection("standing")
    there.drop_collection("standing")


@pytest.mark.parametrize("password", ALL)
def test_any_password_opens(administrator: Any, server: Server, password: str) -> None:
    administrator.grant([{**APPLICATION, "password": password}])
    opened(server, {**APPLICATION, "password": password}).close()
    with pytest.raises(MilvusException):
        opened(server, {**APPLICATION, "password": password[1:] + "y"})


def test_a_rotation_may_be_cut_off_anywhere_and_repeated(administrator: Any, server: Server) -> None:
    administrator.grant([APPLICATION])
    former = str(server.connection["password"])
    boss = {"name": "milvus-administrator", "user": "root", "rights": "administrator", "former_password": former}
    accounts = [
        {**boss, "password": "administrator-2"},
        {**APPLICATION, "password": "application-2", "former_password": "application-1"},
    ]
    request = {"engine": "milvus", "connection": server.connection, "accounts": accounts}
    now = {**server.connection, "password": "administrator-2"}
    try:
        assert change({**request, "accounts": accounts[:1]})["changed"] == ["milvus-administrator"]
        assert change(request)["changed"] == ["milvus-application"]
        assert change(request)["changed"] == []
        told = [{**one, "former_user": one["user"]} for one in accounts]
        assert len(refuse({**request, "connection": now, "accounts": told})["refused"]) == 2
    finally:
        # Both at once: who is asked for a password with each request has to use the next one in between.
        back = [{**one, "password": one["former_password"], "former_password": one["password"]} for one in accounts]
        assert change({**request, "connection": now, "accounts": back})["changed"] == [one["name"] for one in back]


def test_an_initialization_during_a_rotation_leaves_what_the_server_has(administrator: Any, server: Server) -> None:
    administrator.grant([APPLICATION])
    administrator.change({**APPLICATION, "password": "application-2"}, "application-1")
    administrator.grant([{**APPLICATION, "next_password": "application-2"}])
    opened(server, {**APPLICATION, "password": "application-2"}).close()

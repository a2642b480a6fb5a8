"""Elasticsearch's users: the data set's indices and no others, and passwords that change."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from elasticsearch import AuthenticationException, AuthorizationException, Elasticsearch

from init.engines import load
from init.rotating import change, refuse
from tests.contract.accounts.passwords import ALL
from tests.contract.containers import Contract
from tests.contract.servers import PASSWORD

pytestmark = [pytest.mark.contract, pytest.mark.timeout(240)]
APPLICATION = {
    "name": "elasticsearch-application",
    "user": "karen",
    "password": "application-1",
    "rights": "read-write",
}
READER = {"name": "elasticsearch-reader", "user": "reader", "password": "reader-1", "rights": "read-only"}
LEDGER = "ai_karen_migrations"


@pytest.fixture(scope="module")
def connection() -> Iterator[dict[str, str]]:
    with Contract.session("accounts-elasticsearch") as contract:
        address = contract.address("elasticsearch")
        yield {"url": f"http://{address}:9200", "user": "elastic", "password": PASSWORD}


@pytest.fixture(scope="module")
def administrator(connection: dict[str, str]) -> Iterator[Any]:
    """A server with an index of a migration behind an alias, the ledger, somebody else's index, and one with a name as of ours."""
    driver: Any = load("elasticsearch")
    driver.connect(connection)
    with opened(connection, {"user": "elastic", "password": PASSWORD}) as root:
        made(root, 1, aliases={"ai_karen_memory": {"is_write_index": True}, "by.hand(": {}})
        for name in (LEDGER, "others", "ai_karen_stray", "ai_karen_memory_vectors"):
            root.indices.create(index=name)
    yield driver
    driver.close()


def made(root: Elasticsearch, version: int, **options: Any) -> None:
    """Make a version of an index as a migration does."""
    mappings = {"_meta": {"migration": f"{version:03}_memory_index"}}
    root.indices.create(index=f"ai_karen_memory_v{version:03}", mappings=mappings, **options)


def move(root: Elasticsearch, old: int, new: int) -> None:
    """Have another version take the alias over."""
    leaving = {"index": f"ai_karen_memory_v{old:03}", "alias": "ai_karen_memory"}
    coming = {"index": f"ai_karen_memory_v{new:03}", "alias": "ai_karen_memory", "is_write_index": True}
    root.indices.update_aliases(actions=[{"remove": leaving}, {"add": coming}])


def opened(connection: dict[str, str], account: dict[str, str]) -> Elasticsearch:
    return Elasticsearch(
        connection["url"], basic_auth=(account["user"], account["password"]), max_retries=0, request_timeout=60
    )


def test_an_application_reads_and_writes_documents_of_its_indices(
    administrator: Any, connection: dict[str, str]
) -> None:
    administrator.grant([APPLICATION])
    with opened(connection, APPLICATION) as client:
        assert client.info()["version"]["number"]
        assert client.cluster.health()["status"] in ("green", "yellow")
        client.index(index="ai_karen_memory", id="1", document={"query": "a"}, refresh=True)
        client.bulk(operations=[{"index": {"_index": "ai_karen_memory"}}, {"query": "b"}])
        client.indices.refresh(index="ai_karen_memory")
        assert client.search(index="ai_karen_memory")["hits"]["total"]["value"] == 2
        assert client.indices.get_mapping(index="ai_karen_memory")
        client.delete(index="ai_karen_memory", id="1")


def test_and_nothing_else(administrator: Any, connection: dict[str, str]) -> None:
    administrator.grant([APPLICATION])
    with opened(connection, APPLICATION) as client:
        attempts: list[Callable[[], object]] = [
            lambda: client.search(index="others"),
            lambda: client.search(index="ai_karen_stray"),
            lambda: client.index(index="ai_karen_memory_vectors", document={"a": 1}),
            lambda: client.index(index="others", document={"a": 1}),
            lambda: client.search(index=LEDGER),
            lambda: client.index(index=LEDGER, document={"a": 1}),
            lambda: client.indices.delete(index="ai_karen_memory_v001"),
            lambda: client.indices.put_alias(index="ai_karen_memory_v001", name="ai_karen_other"),
            lambda: client.indices.create(index="ai_karen_new"),
            lambda: client.security.get_user(username="elastic"),
            lambda: client.security.change_password(username="elastic", password="another-one"),
            lambda: client.cluster.put_settings(persistent={"indices.recovery.max_bytes_per_sec": "1mb"}),
            lambda: client.snapshot.create_repository(
                name="own", repository={"type": "fs", "settings": {"location": "x"}}
            ),
        ]
        for attempt in attempts:
            with pytest.raises(AuthorizationException):
                attempt()


def test_a_reader_reads_documents_and_writes_none(administrator: Any, connection: dict[str, str]) -> None:
    administrator.grant([APPLICATION, READER])
    with opened(connection, APPLICATION) as client:
        client.index(index="ai_karen_memory", id="read", document={"query": "a"}, refresh=True)
    with opened(connection, READER) as client:
        assert client.get(index="ai_karen_memory", id="read")["_source"] == {"query": "a"}
        assert client.search(index="ai_karen_memory_v001", query={"ids": {"values": ["read"]}})["hits"]["hits"]
        assert client.indices.get_mapping(index="ai_karen_memory")
        attempts: list[Callable[[], object]] = [
            lambda: client.index(index="ai_karen_memory", document={"a": 1}),
            lambda: client.delete(index="ai_karen_memory", id="read"),
            lambda: client.update_by_query(index="ai_karen_memory", query={"match_all": {}}),
            lambda: client.search(index="ai_karen_stray"),
            lambda: client.search(index=LEDGER),
            lambda: client.indices.create(index="ai_karen_new"),
            lambda: client.indices.delete(index="ai_karen_memory_v001"),
            lambda: client.security.get_user(username="elastic"),
        ]
        for attempt in attempts:
            with pytest.raises(AuthorizationException):
                attempt()


def test_a_later_version_is_used_before_roles_are_given_anew(administrator: Any, connection: dict[str, str]) -> None:
    administrator.grant([APPLICATION, READER])
    with opened(connection, {"user": "elastic", "password": PASSWORD}) as root:
        made(root, 2)
        move(root, 1, 2)
        try:
            with opened(connection, APPLICATION) as client:
                client.index(index="ai_karen_memory", id="later", document={"query": "a"}, refresh=True)
                done = client.update_by_query(index="ai_karen_memory", query={"match_all": {}}, refresh=True)
                assert done["updated"] == 1
                assert client.delete_by_query(index="ai_karen_memory", query={"match_all": {}})["deleted"] == 1
            with opened(connection, READER) as client:
                assert client.search(index="ai_karen_memory")["hits"]
        finally:
            move(root, 2, 1)
            root.indices.delete(index="ai_karen_memory_v002")


def test_in_development_an_application_makes_indices_of_any_name(
    administrator: Any, connection: dict[str, str]
) -> None:
    account = {**APPLICATION, "rights": "owner"}
    administrator.grant([account])
    with opened(connection, account) as client:
        client.index(index="own", document={"a": 1})
        client.indices.delete(index="own")
        with pytest.raises(AuthorizationException):
            client.security.get_user(username="elastic")
    administrator.grant([APPLICATION])
    with opened(connection, APPLICATION) as client, pytest.raises(AuthorizationException):
        client.index(index="own", document={"a": 1})


@pytest.mark.parametrize("password", ALL)
def test_any_password_opens(administrator: Any, connection: dict[str, str], password: str) -> None:
    administrator.grant([{**APPLICATION, "password": password}])
    with opened(connection, {**APPLICATION, "password": password}) as client:
        assert client.security.authenticate()["username"] == "karen"
    with (
        opened(connection, {**APPLICATION, "password": password[1:] + "y"}) as client,
        pytest.raises(AuthenticationException),
    ):
        client.security.authenticate()


def test_a_rotation_may_be_cut_off_anywhere_and_repeated(administrator: Any, connection: dict[str, str]) -> None:
    administrator.grant([APPLICATION])
    boss = {
        "name": "elasticsearch-administrator",
        "user": "elastic",
        "rights": "administrator",
        "former_password": PASSWORD,
    }
    accounts = [
        {**boss, "password": "administrator-2"},
        {**APPLICATION, "password": "application-2", "former_password": "application-1"},
    ]
    request = {"engine": "elasticsearch", "connection": connection, "accounts": accounts}
    now = {**connection, "password": "administrator-2"}
    try:
        assert change({**request, "accounts": accounts[:1]})["changed"] == ["elasticsearch-administrator"]
        assert change(request)["changed"] == ["elasticsearch-application"]
        assert change(request)["changed"] == []
        told = [{**one, "former_user": one["user"]} for one in accounts]
        assert len(refuse({**request, "connection": now, "accounts": told})["refused"]) == 2
    finally:
        # Both at once: who is asked for a password with each request has to use the next one in between.
        back = [{**one, "password": one["former_password"], "former_password": one["password"]} for one in accounts]
        assert change({**request, "connection": now, "accounts": back})["changed"] == [one["name"] for one in back]


def test_an_initialization_during_a_rotation_leaves_what_the_server_has(
    administrator: Any, connection: dict[str, str]
) -> None:
    administrator.grant([APPLICATION])
    for password in ("application-1", "application-2"):
        administrator.change({**APPLICATION, "password": password}, "")
        administrator.grant([{**APPLICATION, "next_password": "application-2"}])
        with opened(connection, {**APPLICATION, "password": password}) as client:
            assert client.security.authenticate()["username"] == "karen"

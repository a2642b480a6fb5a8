"""The relay of a live stack: what an application writes with its environment alone is soon in the other engines, whatever dies."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.request import urlopen

import docker
import pytest
from docker.models.containers import Container
from prometheus_client.parser import text_string_to_metric_families

from database.manager import DatabaseManager
from database.model import Memory
from database.outbox import entries
from database.outbox.model import Lag
from database.settings import DatabaseSettings
from database.tenant import Tenant
from tests.e2e import clients
from tests.e2e.live import LiveStack, healthy

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
_ENGINES = ("elasticsearch", "milvus")
_INDEX, _COLLECTION = "ai_karen_memory", "memory_embeddings"
# What a person who looks at what was just written would wait.
_SOON_SECONDS = 10.0
_MANY = 4000
_VECTOR = [1.0, *[0.0] * 383]


def application(stack: LiveStack, work: Callable[[DatabaseManager, Tenant], Awaitable[None]], name: str) -> None:
    """Do something as an application does that is told nothing but its environment."""
    settings = DatabaseSettings.of(stack.variables())

    async def whole() -> None:
        async with DatabaseManager(settings) as db:
            await work(db, Tenant(db, name))

    asyncio.run(whole())


def memory(key: int, query: str = "a question") -> Memory:
    return Memory("user", query, None, _VECTOR, vector_id=key)


def found(env: Mapping[str, str], tenant: str) -> dict[str, dict[int, str]]:
    """Return key → query of a tenant's memories, as each of the three engines has them, asked past the library."""
    with clients.postgres(env) as connection:
        rows = dict(connection.execute("SELECT vector_id, query FROM memory WHERE tenant_id = %s", [tenant]).fetchall())
    search = clients.elasticsearch(env)
    search.indices.refresh(index=_INDEX)
    hits = search.search(index=_INDEX, query={"term": {"tenant_id": tenant}}, size=10_000)["hits"]["hits"]
    vectors = clients.milvus(env).query(
        _COLLECTION, f'tenant_id == "{tenant}"', output_fields=["vector_id", "timestamp"], consistency_level="Strong"
    )
    return {
        "postgres": rows,
        "elasticsearch": {int(hit["_id"]): hit["_source"]["query"] for hit in hits},
        "milvus": {one["vector_id"]: rows.get(one["vector_id"], "gone") for one in vectors},
    }


def soon(condition: Callable[[], bool], what: str, *, within: float = _SOON_SECONDS) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        time.sleep(0.1)


def metrics(stack: LiveStack, name: str) -> dict[str, float]:
    """Return engine → value of one of the relay's metrics."""
    with urlopen(f"http://127.0.0.1:{stack.settings['relayPort']}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {one.labels["engine"]: one.value for family in families for one in family.samples if one.name == name}


async def lags(db: DatabaseManager) -> dict[str, Lag]:
    async with db.postgres.transaction() as connection:
        return {one.destination: one for one in await entries.lag(connection, _ENGINES)}


@pytest.fixture
def relay(stack: LiveStack) -> Iterator[Container]:
    """The relay's container, which runs and is healthy before and after."""
    client = docker.from_env()
    try:
        container = client.containers.get(stack.container("relay"))
        healthy(stack.container("relay"))
        yield container
        container.start()
        healthy(stack.container("relay"))
    finally:
        client.close()


@pytest.fixture
def tenant(stack: LiveStack) -> Iterator[str]:
    """A tenant of the test's own, whose memories are gone afterwards."""
    name = f"relayed-{uuid.uuid4().hex}"
    yield name

    async def forget(_: DatabaseManager, of: Tenant) -> None:
        for key in found(stack.variables(), name)["postgres"]:
            await of.memories.delete(key)

    application(stack, forget, name)
    env = stack.variables()
    soon(lambda: not any(found(env, name).values()), "what is deleted is gone everywhere", within=60)


@contextmanager
def paused(stack: LiveStack, service: str) -> Iterator[None]:
    client = docker.from_env()
    container = client.containers.get(stack.container(service))
    container.pause()
    try:
        yield
    finally:
        container.unpause()
        client.close()


def test_what_is_written_changed_and_deleted_arrives_by_itself(stack: LiveStack, relay: Container, tenant: str) -> None:
    assert relay.attrs["Config"]["User"] == "10001:10001"
    env, key = stack.variables(), uuid.uuid4().int >> 66

    def everywhere(expected: dict[int, str]) -> Callable[[], bool]:
        return lambda: found(env, tenant) == dict.fromkeys(("postgres", *_ENGINES), expected)

    async def write(_: DatabaseManager, of: Tenant) -> None:
        await of.memories.write(memory(key))
        soon(everywhere({key: "a question"}), "what is written is there")
        await of.memories.write(memory(key, "another"))
        soon(everywhere({key: "another"}), "what is changed is there")
        await of.memories.delete(key)
        soon(everywhere({}), "what is deleted is gone")

    application(stack, write, tenant)


def test_one_that_is_killed_between_two_goes_on_once_it_is_back(
    stack: LiveStack, relay: Container, tenant: str
) -> None:
    first = uuid.uuid4().int >> 66
    keys = range(first, first + _MANY)

    async def write(db: DatabaseManager, of: Tenant) -> None:
        relay.pause()
        for begin in range(0, _MANY, 500):
            await of.memories.write(*map(memory, keys[begin : begin + 500]))
        relay.unpause()
        while (before := sum(one.pending for one in (await lags(db)).values())) > _MANY:
            await asyncio.sleep(0.005)
        relay.kill()
        left = await lags(db)
        assert 0 < sum(one.pending for one in left.values()) <= before < 2 * _MANY
        # Nobody delivers now: what changes meanwhile waits as well.
        await of.memories.write(*(memory(key, "changed") for key in keys[:10]))
        for key in keys[10:20]:
            await of.memories.delete(key)
        later = await lags(db)
        assert all(later[name].pending == left[name].pending + 20 for name in _ENGINES)
        relay.start()
        deadline = time.monotonic() + 60
        while any(one.pending for one in (await lags(db)).values()):
            assert time.monotonic() < deadline, await lags(db)
            await asyncio.sleep(0.1)
        assert {one.dead_letters for one in (await lags(db)).values()} == {0}

    application(stack, write, tenant)
    there = found(stack.variables(), tenant)
    expected = {**dict.fromkeys(keys, "a question"), **dict.fromkeys(keys[:10], "changed")}
    assert there["postgres"] == {key: query for key, query in expected.items() if key not in keys[10:20]}
    assert there["elasticsearch"] == there["milvus"] == there["postgres"]
    for name in ("database_outbox_pending", "database_outbox_lag_seconds", "database_outbox_dead_letters"):
        soon(lambda name=name: metrics(stack, name) == dict.fromkeys(_ENGINES, 0.0), f"{name} is 0", within=20)  # type: ignore[misc]


def test_an_engine_that_is_away_keeps_the_other_waiting_for_nothing_and_is_told(
    stack: LiveStack, relay: Container, tenant: str
) -> None:
    assert relay.status
    env, key = stack.variables(), uuid.uuid4().int >> 66

    async def write(_: DatabaseManager, of: Tenant) -> None:
        await of.memories.write(memory(key))

    def vectors() -> list[Any]:
        return list(clients.milvus(env).get(_COLLECTION, ids=[key], consistency_level="Strong"))

    with paused(stack, "elasticsearch"):
        application(stack, write, tenant)
        soon(lambda: bool(vectors()), "Milvus has it")
        soon(lambda: metrics(stack, "database_outbox_pending")["elasticsearch"] >= 1, "the lag is told", within=20)
        assert metrics(stack, "database_outbox_lag_seconds")["milvus"] == 0
    soon(lambda: metrics(stack, "database_outbox_pending")["elasticsearch"] == 0, "it is delivered", within=60)
    assert key in found(env, tenant)["elasticsearch"]


def test_it_ends_in_order_and_tells_no_secret(stack: LiveStack, relay: Container) -> None:
    began = time.monotonic()
    relay.stop(timeout=30)
    assert time.monotonic() - began < 15
    relay.reload()
    assert (relay.attrs["State"]["ExitCode"], relay.attrs["State"]["OOMKilled"]) == (0, False)
    told = relay.logs().decode()
    assert "relay stopped" in told
    env = stack.variables()
    for name in ("POSTGRES_PASSWORD", "ELASTICSEARCH_PASSWORD"):
        assert env[name] not in told
        assert env[name] not in repr(relay.attrs)

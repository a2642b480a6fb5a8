"""Memories written and deleted through all three engines, and recalled from them."""

import asyncio
import random
import time
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from database.errors import BadDocument, Conflict, InvalidInput, MissingObject, OperationTimeout
from database.model import Memory
from database.outbox import elasticsearch
from database.outbox.model import Change, Row
from database.outbox.relay import Relay
from database.outbox.write import MemoryWriter
from tests.contract.backup.memories import COLLECTION, INDEX, unit
from tests.contract.database.opened import Clients, Opened, clients
from tests.contract.database.tenants import names

pytestmark = pytest.mark.contract


@pytest.fixture(autouse=True)
def empty(world: Opened) -> None:
    world.empty()


def memory(number: int, **changes: object) -> Memory:
    made = Memory(
        "user",
        f"What about number {number}, 世界?",
        '"It is \\"fine\\""',
        unit(number),
        "session",
        1_700_000_000,
        number,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def settled(world: Opened) -> None:
    """Assert that documents and vectors are what a reconciliation would have made of the rows."""
    assert world.stack.mismatches() == []
    assert world.stack.reconcile(dry_run=True)["mismatches"] == 0


def test_who_waits_reads_what_was_written_in_every_engine_at_once(world: Opened) -> None:
    for number in range(5):
        world.run(world.clients.writer("one").write(memory(number), wait="indexed"))
        row = world.stack.postgres.execute("SELECT query FROM memory WHERE vector_id = %s", [number]).fetchone()
        assert row == (memory(number).query,)
        query = {"term": {"vector_id": number}}
        assert world.stack.elasticsearch.search(index=INDEX, query=query)["hits"]["total"]["value"] == 1
        # With the consistency that the collection has by itself.
        found = world.stack.milvus.search(COLLECTION, data=[unit(number)], limit=1, output_fields=["vector_id"])
        assert found[0][0]["vector_id"] == number
    settled(world)
    assert {one.pending for one in world.run(world.clients.lag()).values()} == {0}


def test_who_waits_for_a_deletion_finds_it_nowhere(world: Opened) -> None:
    writer = world.clients.writer("one")
    world.run(writer.write(*(memory(number) for number in range(3)), wait="indexed"))
    assert world.run(writer.delete(1, wait="indexed"))
    assert not world.run(writer.delete(1, wait="indexed"))
    assert world.stack.elasticsearch.count(index=INDEX, query={"term": {"vector_id": 1}})["count"] == 0
    found = world.stack.milvus.search(COLLECTION, data=[unit(1)], limit=3, output_fields=["vector_id"])
    assert sorted(hit["vector_id"] for hit in found[0]) == [0, 2]
    settled(world)


def test_who_does_not_wait_leaves_it_to_a_relay(world: Opened) -> None:
    writer = world.clients.writer("one")
    world.run(writer.write(*(memory(number) for number in range(300))))
    assert {one.pending for one in world.run(world.clients.lag()).values()} == {300}
    world.run(world.clients.drain())
    assert {one.pending for one in world.run(world.clients.lag()).values()} == {0}
    settled(world)


def test_many_writers_at_once_all_see_their_own(world: Opened) -> None:
    async def write(number: int) -> None:
        key = number % 10
        await world.clients.writer("one").write(memory(key, query=f"{number}"), wait="indexed")

    async def check() -> None:
        await asyncio.gather(*(write(number) for number in range(40)))

    world.run(check())
    settled(world)
    assert {one.pending for one in world.run(world.clients.lag()).values()} == {0}


def test_rows_of_other_applications_are_delivered_as_they_are(world: Opened) -> None:
    """NULL in any column; a row without its embedding keeps the vector that is there, with its metadata."""
    world.stack.embed([{"vector_id": 5, "tenant_id": "x", "user_id": None, "session_id": None, "timestamp": None}])
    world.stack.postgres.execute("INSERT INTO memory (vector_id, user_id) VALUES (5, 'new'), (6, NULL)")
    # A version later than that of whatever had these keys before.
    version = time.time_ns() // 1000
    for engine in ("elasticsearch", "milvus"):
        world.stack.postgres.execute(
            "INSERT INTO memory_outbox (destination, vector_id, version) VALUES (%s, 5, %s), (%s, 6, %s)",
            [engine, version, engine, version],
        )
    world.run(world.clients.drain())
    vectors = world.stack.vectors()
    assert set(vectors) == {5}
    assert (vectors[5]["user_id"], vectors[5]["metadata"]["of"]) == ("new", "5")
    assert vectors[5]["embedding"] == unit(5)
    assert world.stack.mismatches() == ["vector 6"]


def test_an_older_state_never_replaces_a_newer_one(world: Opened) -> None:
    world.run(world.clients.writer("one").write(memory(1, query="new"), wait="indexed"))
    row = Row(1, "one", "user", None, "old", None, 1, None, 5)
    destination = world.clients.destinations[0]
    assert world.run(destination.deliver([Change(1, 5, row)])) == {}
    assert world.run(destination.deliver([Change(1, 6, None)])) == {}
    world.run(destination.show([1]))
    (hit,) = world.stack.documents()
    assert hit["_source"]["query"] == "new"


def test_an_engine_that_is_away_keeps_the_other_one_waiting_for_nothing(world: Opened) -> None:
    away = clients({**world.variables, "ELASTICSEARCH_URL": "http://127.0.0.1:9"})
    writer = MemoryWriter(away.postgres.transaction, away.destinations, "one", seconds=1)

    async def check() -> None:
        try:
            with pytest.raises(
                OperationTimeout, match="it is committed in postgres, but after 1 s not in elasticsearch"
            ):
                await writer.write(memory(1), wait="indexed")
            lag = await away.lag()
            assert (lag["elasticsearch"].pending, lag["milvus"].pending) == (1, 0)
        finally:
            await away.close()

    world.run(check())
    assert set(world.stack.vectors()) == {1}
    world.run(world.clients.drain())
    settled(world)


def test_an_index_never_comes_to_be_by_itself(world: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elasticsearch, "ALIAS", "ai_karen_nothing")
    row = Row(1, "one", "user", None, "old", None, 1, None, 5)
    for change in (Change(1, 5, row), Change(1, 6, None)):
        with pytest.raises(MissingObject):
            world.run(world.clients.destinations[0].deliver([change]))
    assert not world.stack.elasticsearch.indices.exists(index="ai_karen_nothing")


def test_what_an_engine_refuses_is_told_to_who_waits(world: Opened) -> None:
    async def check() -> None:
        async with world.clients.postgres.transaction() as connection:
            await connection.execute(
                "INSERT INTO memory (vector_id, tenant_id, user_id, version) VALUES (1, 'one', %s, 9)", ["u" * 65]
            )
            await connection.execute(
                "INSERT INTO memory_outbox (destination, vector_id, version) VALUES ('milvus', 1, 9)"
            )
        relay = Relay(world.clients.postgres.transaction, world.clients.destinations[1])
        assert await relay.deliver() == 1
        lag = await world.clients.lag()
        assert (lag["milvus"].pending, lag["milvus"].dead_letters) == (0, 1)
        # Elasticsearch keeps no date so far away: the row says so, for an application wrote it.
        async with world.clients.postgres.transaction() as connection:
            await connection.execute("UPDATE memory SET timestamp = 9223372036854775807, user_id = 'u'")
            await connection.execute(
                "INSERT INTO memory_outbox (destination, vector_id, version) VALUES ('elasticsearch', 1, 9)"
            )
        writer = world.clients.writer("one")
        with pytest.raises(BadDocument, match="it is committed in postgres, but refused: 1: "):
            await writer._indexed({1: 9}, "write memory")
        # Written as it should be, it is everywhere.
        await writer.write(memory(1), wait="indexed")
        assert {one.dead_letters for one in (await world.clients.lag()).values()} == {0}

    world.run(check())
    settled(world)


@pytest.mark.parametrize("examples", [5, pytest.param(60, marks=[pytest.mark.full, pytest.mark.timeout(900)])])
def test_a_tenant_recalls_its_own_memories_alone(world: Opened, examples: int) -> None:
    @settings(max_examples=examples)
    @given(first=names, second=names, seed=st.integers(0, 1000))
    def check(first: str, second: str, seed: int) -> None:
        assume(first != second)
        world.run(_recalls_its_own(world.clients, first, second, seed))

    check()


async def _recalls_its_own(made: Clients, first: str, second: str, seed: int) -> None:
    keys = random.Random(seed).sample(range(1 << 40), 2)  # noqa: S311 - not for secrets
    mine, other = memory(keys[0]), memory(keys[1], embedding=unit(keys[0]))
    await asyncio.gather(
        made.writer(first).write(mine, wait="indexed"), made.writer(second).write(other, wait="indexed")
    )
    for tenant, own in ((first, mine), (second, other)):
        recalled = await made.recall(tenant).recall("number", unit(keys[0]), limit=100)
        found = {one.memory.vector_id for one in recalled}
        assert own.vector_id in found
        assert not found & ({*keys} - {own.vector_id})
        assert set(recalled[0].ranks) == {"text", "vector"}
    with pytest.raises(Conflict):
        await made.writer(second).write(mine)
    assert not await made.writer(second).delete(mine.vector_id, wait="indexed")
    for tenant, own in ((first, mine), (second, other)):
        assert await made.writer(tenant).delete(own.vector_id)
    await made.drain()


def test_recall_merges_both_searches_and_leaves_out_what_is_gone(world: Opened) -> None:
    async def check() -> None:
        writer, recall = world.clients.writer("one"), world.clients.recall("one")
        await writer.write(
            memory(1, query="Where do the cats sleep?"),
            memory(2, query="cats and dogs"),
            memory(3, query="nothing of the kind", user_id="another"),
            wait="indexed",
        )
        both = await recall.recall("sleeping cat", unit(1))
        assert both[0].memory.vector_id == 1
        assert both[0].ranks == {"text": 1, "vector": 1}
        assert {one.memory.vector_id for one in await recall.recall("sleeping cat")} == {1, 2}
        assert [one.memory.vector_id for one in await recall.recall(embedding=unit(3), least_similarity=0.9)] == [3]
        assert [
            one.memory.vector_id for one in await recall.recall(embedding=unit(3), user_id="user", least_similarity=0.9)
        ] == []
        assert len(await recall.recall(embedding=unit(3), limit=2)) == 2
        assert await recall.recall("nothing kind", user_id="user") == []
        # Of a row that is gone, whatever the others still have.
        await writer.delete(1)
        assert 1 not in {one.memory.vector_id for one in await recall.recall("sleeping cat", unit(1))}
        with pytest.raises(InvalidInput, match="neither text nor embedding"):
            await recall.recall()

    world.run(check())

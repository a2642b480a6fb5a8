"""Memories after a restore to different points: rows changed, new and gone since, documents and vectors follow them."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from backup.reconcile.memories import Memories
from init.protocol import Failure
from tests.contract.backup import reconciling
from tests.contract.backup.memories import COLLECTION, INDEX, NOT_DONE, Stack, document, entity, memories, prepared
from tests.contract.containers import Contract

pytestmark = pytest.mark.contract
NOTHING = {"missing": 0, "stale": 0, "orphaned": 0}


@pytest.fixture(scope="module")
def stack(servers: Contract, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with prepared(servers, tmp_path_factory.mktemp("engines")) as stack:
        yield stack


@pytest.fixture(autouse=True)
def empty(stack: Stack) -> None:
    stack.empty()


def test_what_was_deleted_changed_and_written_since_is_repaired(stack: Stack) -> None:
    rows = stack.fill(1000)
    before = stack.vectors()
    assert stack.reconcile()["mismatches"] == 0
    new = stack.lag(rows)
    # What a later set of the others would have: documents twice, and others of nobody.
    stack.index(rows[2:5])
    stack.index(memories(3, seed=5))
    stack.embed(memories(4, seed=6))
    kept, untouched = stack.vectors(), stack.changes()

    told = stack.reconcile(dry_run=True)
    assert told["engines"]["elasticsearch"]["found"]["orphaned"] == 100 + 3 + 3
    assert told["engines"]["elasticsearch"]["found"]["missing"] == len(new)
    assert told["engines"]["milvus"]["found"]["orphaned"] == 100 + 4
    assert told["engines"]["milvus"]["embed"] == sorted(one["vector_id"] for one in new)
    assert stack.changes() == untouched
    assert stack.vectors() == kept

    done = stack.reconcile()
    documents, vectors = done["engines"]["elasticsearch"], done["engines"]["milvus"]
    assert documents["found"] == told["engines"]["elasticsearch"]["found"]
    assert documents["left"] == NOTHING
    assert documents["done"]["deleted"] == 106
    assert vectors["left"] == {**NOTHING, "missing": len(new)}
    assert vectors["embed"] == sorted(one["vector_id"] for one in new)
    assert stack.mismatches() == sorted(f"vector {one['vector_id']}" for one in new)
    # Vectors, and what applications keep beside them, are what they were.
    for key, row in stack.vectors().items():
        assert (row["embedding"], row["metadata"]) == (before[key]["embedding"], before[key]["metadata"])

    stack.embed(new)
    settled = stack.changes()
    again = stack.reconcile()
    assert again["mismatches"] == 0
    assert again["rounds"] == 0
    assert [one["done"] for one in again["engines"].values()] == [NOT_DONE, NOT_DONE]
    assert stack.changes() == settled
    assert stack.mismatches() == []


def test_a_row_that_holds_its_embedding_gets_its_vector_back(stack: Stack) -> None:
    rows = stack.fill(20)
    keys = [one["vector_id"] for one in rows]
    stack.milvus.delete(COLLECTION, ids=keys[:4])
    stack.postgres.execute("ALTER TABLE memory ADD COLUMN embedding real[]")
    for row in rows[:3]:
        vector = entity(row)["embedding"] if row is not rows[2] else [1.0, 2.0]
        stack.postgres.execute("UPDATE memory SET embedding = %s WHERE vector_id = %s", [vector, row["vector_id"]])
    answer = stack.reconcile()["engines"]["milvus"]
    assert answer["done"] == {**NOT_DONE, "written": 2}
    assert answer["embed"] == sorted(keys[2:4])
    assert stack.vectors()[keys[0]]["embedding"] == entity(rows[0])["embedding"]


_KILLS = [("vectors", 1, True), ("documents", 2, True)]
_MORE_KILLS = [
    ("documents", 1, True),
    ("documents", 1, False),
    ("vectors", 1, False),
    ("documents", 2, False),
    ("vectors", 2, False),
    ("vectors", 2, True),
]


@pytest.mark.parametrize(
    ("side", "step", "after"), [*_KILLS, *(pytest.param(*one, marks=pytest.mark.full) for one in _MORE_KILLS)]
)
def test_killed_anywhere_the_next_run_finishes(stack: Stack, side: str, step: int, *, after: bool) -> None:
    new = stack.lag(stack.fill(200))
    code, _ = reconciling.run(stack.connections, side=side, step=step, after=after)
    assert code == -signal.SIGKILL
    assert stack.reconcile()["mismatches"] == len(new)
    stack.embed(new)
    assert stack.reconcile()["rounds"] == 0
    assert stack.mismatches() == []


def test_rows_that_change_while_it_runs_are_looked_at_again(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = stack.fill(40)
    stack.postgres.execute("DELETE FROM memory WHERE vector_id = ANY(%s)", [[one["vector_id"] for one in rows[:6]]])
    fresh = memories(3, seed=9)
    stack.insert(fresh)
    stack.embed(fresh)
    of, moments = Memories.of, iter([True])

    def overtaken(self: Memories, keys: list[int]) -> Any:
        """Once, after everything was compared, applications write."""
        found = of(self, keys)
        if next(moments, False):
            stack.insert(rows[:2])
            stack.postgres.execute("DELETE FROM memory WHERE vector_id = %s", [fresh[0]["vector_id"]])
            stack.postgres.execute("UPDATE memory SET query = 'newest' WHERE vector_id = %s", [rows[20]["vector_id"]])
            stack.elasticsearch.index(index=INDEX, id=str(fresh[1]["vector_id"]), document=document(fresh[1]))
        return found

    monkeypatch.setattr(Memories, "of", overtaken)
    answer = stack.reconcile()
    assert (answer["rounds"], answer["mismatches"]) == (2, 0)
    assert stack.mismatches() == []
    assert {one["vector_id"] for one in rows[:2]} <= set(stack.vectors())


def test_what_does_not_fit_is_told_and_keeps_nothing_else_back(stack: Stack) -> None:
    rows = stack.fill(3)
    stack.postgres.execute("UPDATE memory SET user_id = %s WHERE vector_id = %s", ["ü" * 33, rows[0]["vector_id"]])
    stack.postgres.execute("UPDATE memory SET user_id = 'fits' WHERE vector_id = %s", [rows[1]["vector_id"]])
    answer = stack.reconcile()
    key = str(rows[0]["vector_id"])
    assert answer["engines"]["milvus"]["refused"] == {
        key: "user_id is longer than the 64 bytes that Milvus keeps of it"
    }
    assert answer["engines"]["milvus"]["done"]["updated"] == 1
    assert stack.mismatches() == [f"fields {key}"]


def test_of_a_vector_that_is_there_twice_one_stays(stack: Stack) -> None:
    rows = stack.fill(5)
    stack.embed(rows[:2], tenant_id="another")
    assert stack.reconcile()["mismatches"] == 0
    assert stack.mismatches() == []


def test_an_engine_that_fails_is_named_and_can_be_asked_again(stack: Stack) -> None:
    stack.fill(1000)
    stack.milvus.release_collection(COLLECTION)
    with pytest.raises(Failure) as caught:
        stack.reconcile()
    stack.milvus.load_collection(COLLECTION)
    assert caught.value.kind == "ReconcileFailed"
    assert caught.value.message.startswith("milvus: ")
    assert "not loaded" in caught.value.message
    assert stack.reconcile()["rounds"] == 0


def test_nothing_else_is_touched(stack: Stack) -> None:
    persona = {
        **entity(memories(1)[0]),
        "version": 1,
        "persona_type": "default",
        "is_active": True,
        "confidence_score": 0.5,
    }
    persona = {**persona, "user_id": "somebody"}
    del persona["vector_id"], persona["session_id"]
    stack.milvus.upsert("persona_embeddings", [persona])
    stack.elasticsearch.index(index="ai_karen_documents", id="1", document={"title": "kept"}, refresh=True)
    stack.embed(memories(2))
    stack.index(memories(2))
    assert stack.reconcile()["mismatches"] == 0
    assert (stack.vectors(), stack.documents()) == ({}, [])
    [found] = stack.milvus.query(
        "persona_embeddings", filter='user_id == "somebody"', output_fields=["version"], consistency_level="Strong"
    )
    assert found["version"] == 1
    assert stack.elasticsearch.get(index="ai_karen_documents", id="1")["_source"] == {"title": "kept"}


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_a_hundred_thousand_memories_need_little_memory(stack: Stack) -> None:
    rows = memories(100_000)
    for start in range(0, len(rows), 10_000):
        part = rows[start : start + 10_000]
        stack.insert(part)
        stack.index(part[: len(part) // 2])
        stack.embed(part)
    stack.milvus.flush(COLLECTION)
    stack.postgres.execute("DELETE FROM memory WHERE vector_id % 10 = 0")
    code, done = reconciling.run(stack.connections)
    assert code == 0
    assert done["answer"]["mismatches"] == 0
    assert done["peak_bytes"] < 256_000_000

"""Documents of memories: kept with their vectors, found by what was written, compared as the server understands them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.backup.memories import INDEX, NOT_DONE, Stack, document, memories, prepared
from tests.contract.containers import Contract

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def stack(servers: Contract, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with prepared(servers, tmp_path_factory.mktemp("engines")) as stack:
        yield stack


@pytest.fixture(autouse=True)
def empty(stack: Stack) -> None:
    stack.empty()


def test_a_document_keeps_the_vector_that_it_has(stack: Stack) -> None:
    [row] = [one for one in stack.fill(8) if one["vector_id"] % 2][:1]
    stack.postgres.execute("UPDATE memory SET tenant_id = 'other' WHERE vector_id = %s", [row["vector_id"]])

    def found() -> Any:
        [one] = [hit["_source"] for hit in stack.documents() if hit["_source"]["vector_id"] == row["vector_id"]]
        return one

    embedding = found()["embedding"]
    assert stack.reconcile()["engines"]["elasticsearch"]["done"] == {**NOT_DONE, "updated": 1}
    assert found()["tenant_id"] == "other"
    assert found()["embedding"] == pytest.approx(embedding, abs=1e-6)


def test_documents_without_a_key_are_given_their_rows(stack: Stack) -> None:
    rows = [{**one, "tenant_id": "one", "timestamp": 1_700_000_000} for one in memories(6)]
    stack.insert(rows)
    stack.embed(rows)
    sources = [{name: value for name, value in document(row).items() if name != "vector_id"} for row in rows]
    for source in sources[:3]:
        stack.elasticsearch.index(index=INDEX, document=source)
    stack.elasticsearch.index(index=INDEX, id=str(rows[3]["vector_id"]), document=sources[3])
    # Of another tenant, and of nobody: neither is a row's, and neither is known to be an orphan.
    stack.elasticsearch.index(index=INDEX, document={**sources[4], "tenant_id": "two"})
    stack.elasticsearch.index(index=INDEX, document={"query": "nobody's"})
    # Somebody else's document has this name.
    stack.elasticsearch.index(index=INDEX, id=str(rows[5]["vector_id"]), document=document(rows[4]))
    answer = stack.reconcile()
    assert answer["mismatches"] == 0
    assert answer["engines"]["elasticsearch"]["done"] == {"written": 1, "updated": 4, "deleted": 0}
    assert answer["engines"]["elasticsearch"]["unkeyed"] == 2
    assert stack.mismatches() == []
    assert len(stack.documents()) == 8


def test_times_are_compared_as_the_server_understands_them(stack: Stack) -> None:
    [row] = [{**one, "timestamp": 1_700_000_000} for one in memories(1)]
    stack.insert([row])
    stack.embed([row])
    stack.index([row], timestamp="2023-11-14T22:13:20Z")
    assert stack.reconcile()["rounds"] == 0
    # A year, for the server; a second of 1970, for the row.
    stack.postgres.execute("UPDATE memory SET timestamp = 2023")
    assert stack.reconcile()["mismatches"] == 0
    assert stack.reconcile()["rounds"] == 0

"""What the outbox writes is what a reconciliation would: compared with its own code, row by row."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import init
from backup.reconcile import documents, model, vectors
from database.model.memory import DIMENSIONS
from database.outbox import rendering
from database.outbox.elasticsearch import ALIAS as INDEX
from database.outbox.milvus import ALIAS as COLLECTION
from database.outbox.model import Row
from init.definitions import collection

DATA = Path(init.__file__).parent / "data"
_SHIPPED = collection((DATA / "milvus" / "002_memory_collection.py").read_text())
_FIELDS: list[dict[str, Any]] = _SHIPPED["fields"]
_MAPPED = json.loads((DATA / "elasticsearch" / "001_memory_index.json").read_text())["indices"][0]
texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
results = texts | st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists, max_leaves=3).map(json.dumps)
rows = st.builds(
    Row,
    vector_id=st.integers(-(2**63), 2**63 - 1),
    tenant_id=texts,
    user_id=texts,
    session_id=texts,
    query=texts,
    result=results,
    timestamp=st.none() | st.integers(0, 2**62),
    embedding=st.none() | st.just([1.0] + [0.0] * (DIMENSIONS - 1)),
    version=st.integers(0, 2**62),
)


def memory(row: Row) -> model.Memory:
    return model.Memory(row.vector_id, *(getattr(row, name) for name in model.REPEATED))


@given(rows)
def test_documents_are_the_same(row: Row) -> None:
    reconciled = documents.Documents._values(SimpleNamespace(_fields=list(model.REPEATED)), memory(row))  # type: ignore[arg-type]
    assert rendering.document(row) == {name: value for name, value in reconciled.items() if value is not None}
    assert rendering.plain(row.result) == documents.plain(row.result)


@given(rows)
def test_vectors_are_the_same(row: Row) -> None:
    repeated = [field for field in _FIELDS if field["name"] in model.REPEATED]
    side: Any = SimpleNamespace(_repeated=repeated)
    reconciled = vectors.Vectors._wanted(side, memory(row))
    assert rendering.scalars(row) == reconciled
    too_long = vectors.Vectors._refused(side, reconciled)
    assert rendering.unfit(row) == too_long
    if row.embedding is not None:
        assert set(rendering.vector(row)) == {field["name"] for field in _FIELDS}


def test_both_know_the_same_schema() -> None:
    assert rendering.REPEATED == model.REPEATED
    assert (INDEX, COLLECTION) == (documents.ALIAS, vectors.ALIAS)
    assert (_MAPPED["alias"], _SHIPPED["alias"]) == (INDEX, COLLECTION)
    assert [field["dim"] for field in _FIELDS if field["type"] == "FLOAT_VECTOR"] == [DIMENSIONS]
    assert set(rendering.REPEATED) | {"vector_id"} <= set(_MAPPED["mappings"]["properties"])


def test_a_row_that_milvus_cannot_keep_is_told() -> None:
    values = dict.fromkeys(("tenant_id", "user_id", "session_id", "query", "result", "timestamp"))
    row = Row(vector_id=1, **values, embedding=[1.0], version=1)
    assert rendering.unfit(row) == "the embedding has 1 dimensions; the collection has 384"

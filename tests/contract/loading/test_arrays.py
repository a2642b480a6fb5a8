"""Arrays into a collection: read in pieces, and refused before anything is inserted."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymilvus import CollectionSchema, DataType, FieldSchema, MilvusClient

from init.loading import load
from init.loads import arrays, source
from tests.contract.containers import Contract
from tests.contract.loading.sending import SECRET, refusal, sent
from tests.contract.migrations.cases.milvus import Case

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def connection(servers: Contract, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return Case(servers, tmp_path_factory.mktemp("milvus")).connection


@pytest.fixture(scope="module")
def milvus(connection: dict[str, Any]) -> Iterator[MilvusClient]:
    address = f"http://{connection['host']}:{connection['port']}"
    client = MilvusClient(uri=address, user=connection["user"], password=connection["password"])
    fields = [
        FieldSchema("key", DataType.INT64, is_primary=True),
        FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=8),
        FieldSchema("name", DataType.VARCHAR, max_length=16),
        FieldSchema("details", DataType.JSON),
        FieldSchema("kind", DataType.INT8),
        FieldSchema("weight", DataType.FLOAT),
        FieldSchema("active", DataType.BOOL),
    ]
    indexes = client.prepare_index_params(field_name="embedding", index_type="FLAT", metric_type="L2")
    client.create_collection("notes_v001", schema=CollectionSchema(fields), index_params=indexes)
    client.create_alias("notes_v001", "notes")
    yield client
    client.close()


@pytest.fixture
def vectors(connection: dict[str, Any]) -> dict[str, Any]:
    return {"engine": "milvus", "target": "notes", "connection": connection}


def fields(start: int, count: int) -> dict[str, Any]:
    numbers = np.arange(start, start + count)
    return {
        "key": numbers,
        "embedding": np.random.default_rng(1).random((count, 8)),
        "name": np.array([f"näme {n}" for n in numbers]),
        "details": np.array([f'{{"n": {n}}}' for n in numbers]),
        "kind": (numbers % 100).astype("i1"),
        "weight": numbers / 3,
        "active": numbers % 2 == 0,
    }


def counted(client: MilvusClient, rows: str) -> int:
    [found] = client.query("notes", filter=rows, output_fields=["count(*)"], consistency_level="Strong")
    return int(found["count(*)"])


@pytest.mark.parametrize(("save", "start"), [(np.savez, 0), (np.savez_compressed, 1000)])
def test_arrays_arrive_row_by_row_over_several_inserts(
    milvus: MilvusClient, vectors: dict[str, Any], tmp_path: Path, save: Callable[..., None], start: int
) -> None:
    file, given = tmp_path / "notes.npz", fields(start, 1000)
    save(file, **given)
    _, pieces = arrays.read(file, batch_bytes=10_000)
    assert load(vectors, sent(pieces)) == {"added": 1000}
    key = start + 777
    [found] = milvus.query("notes", filter=f"key == {key}", output_fields=["*"], consistency_level="Strong")
    assert found.pop("embedding") == pytest.approx(given["embedding"][777].tolist(), rel=1e-6)
    assert found.pop("weight") == pytest.approx(key / 3)
    assert found == {"key": key, "name": f"näme {key}", "details": {"n": key}, "kind": 77, "active": key % 2 == 0}
    assert counted(milvus, f"key >= {start} and key < {start + 1000}") == 1000


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"embedding": np.zeros((10, 9))},
            "'embedding' is of type <f8 and shape [9] a row; allowed: floats of shape [8]",
        ),
        ({"colour": np.arange(10)}, "notes has no field 'colour'"),
        ({"name": None}, "the array 'name' is missing; fields: key, embedding, name"),
        ({"kind": np.arange(10)}, "allowed: int8 or what fits into it"),
        ({"name": np.array([SECRET * 2] * 10)}, "rows 1 to 10: "),
        ({"details": np.array([SECRET] * 10)}, "'details' has an entry that is not JSON; 0 rows are in"),
        ({"name": np.array([b"\xff"] * 10)}, "'name' has an entry that is not UTF-8"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    milvus: MilvusClient, vectors: dict[str, Any], tmp_path: Path, changed: dict[str, Any], reason: str
) -> None:
    file = tmp_path / "notes.npz"
    given = {name: array for name, array in {**fields(-10, 10), **changed}.items() if array is not None}
    np.savez(file, **given)
    assert reason in refusal(vectors, source.read("milvus", file).pieces).message
    assert counted(milvus, "key < 0") == 0

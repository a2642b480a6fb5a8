"""What backups of Milvus do without a server: values as bytes, sums of rows, names, and the shape of a collection."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from pymilvus.grpc_gen import milvus_pb2, schema_pb2

from backup.engines import milvus_names
from backup.engines.milvus_cells import cells
from backup.engines.milvus_rows import Sums
from backup.engines.milvus_shapes import Shape
from init.protocol import Failure


def scalars(kind: str, values: Sequence[Any]) -> Any:
    column = schema_pb2.FieldData(field_name="value")
    getattr(column.scalars, kind).data.extend(values)
    return column


def shape(**changes: Any) -> Shape:
    key = schema_pb2.FieldSchema(name="id", data_type=schema_pb2.Int64, is_primary_key=True, autoID=True)
    value = schema_pb2.FieldSchema(name="value", data_type=schema_pb2.VarChar)
    vector = schema_pb2.FieldSchema(name="embedding", data_type=schema_pb2.FloatVector)
    facts: dict[str, Any] = {
        "database": "default",
        "name": "notes",
        "schema": MessageToDict(schema_pb2.CollectionSchema(fields=[key, value, vector])),
        "shards": 1,
        "consistency": 2,
        "properties": {},
        "partitions": ("_default",),
        "indexes": (),
        "aliases": ("public",),
        "loaded": ("_default",),
        "generated": True,
    }
    return Shape(**{**facts, **changes})


def page(keys: Sequence[int], texts: Sequence[str], *, partition: str = "_default", reverse: bool = False) -> Any:
    key, text, vector = (schema_pb2.FieldData(field_name=name) for name in ("id", "value", "embedding"))
    key.scalars.long_data.data.extend(keys)
    text.scalars.string_data.data.extend(texts)
    vector.vectors.dim = 2
    vector.vectors.float_vector.data.extend(float(number) for one in keys for number in (one, -one))
    columns = [key, text, vector]
    columns = columns[::-1] if reverse else columns
    return milvus_pb2.InsertRequest(partition_name=partition, num_rows=len(keys), fields_data=columns)


def total(*pages: Any) -> tuple[int, str]:
    sums = Sums(shape())
    for one in pages:
        sums.add(one)
    return sums.count, sums.checksum


def test_a_sum_is_the_same_in_any_order_and_any_pages() -> None:
    whole = total(page([1, 2, 3], ["a", "b", "c"]))
    assert whole[0] == 3
    assert whole == total(page([3], ["c"]), page([2, 1], ["b", "a"], reverse=True))


@pytest.mark.parametrize(
    "other",
    [
        page([1, 2], ["a", "c"]),
        page([1, 3], ["a", "b"]),
        page([1, 2], ["b", "a"]),
        page([1, 2], ["a", "b"], partition="other"),
        page([1], ["a"]),
    ],
)
def test_a_sum_is_another_for_any_difference(other: Any) -> None:
    assert total(page([1, 2], ["a", "b"])) != total(other)


def test_a_row_that_is_there_twice_does_not_cancel_itself() -> None:
    assert total(page([1, 1], ["a", "a"])) != total(page([2, 2], ["a", "a"]))


def test_numbers_are_compared_by_their_bits_and_a_nan_is_a_nan() -> None:
    zero, negative = cells(scalars("double_data", [0.0, -0.0]), 2)
    assert zero != negative
    column = scalars("double_data", [math.nan, math.nan])
    # As Milvus writes it to storage: a NaN with another bit set.
    other = schema_pb2.FieldData.FromString(
        column.SerializeToString().replace(b"\0\0\0\0\0\0\xf8\x7f", b"\1\0\0\0\0\0\xf8\x7f")
    )
    assert other.SerializeToString() != column.SerializeToString()
    assert cells(other, 2) == cells(column, 2)
    assert len(set(cells(scalars("float_data", [math.inf, -math.inf, math.nan]), 3))) == 3
    assert cells(scalars("bool_data", [True, False]), 2) == [b"\1", b"\0"]
    assert cells(scalars("int_data", [-128]), 1) == [b"\x80\xff\xff\xff"]


def test_texts_of_any_length_do_not_run_into_each_other() -> None:
    assert total(page([1], ["ab"])) != total(page([1], ["a"]))
    assert cells(scalars("string_data", ["😀", ""]), 2) == [b"\0\0\0\4\xf0\x9f\x98\x80", b"\0\0\0\0"]


def test_an_empty_array_is_the_same_with_and_without_its_kind() -> None:
    column = schema_pb2.FieldData(field_name="value")
    column.scalars.array_data.data.add()
    column.scalars.array_data.data.add().long_data.SetInParent()
    column.scalars.array_data.data.add().long_data.data.append(0)
    without, empty, zero = cells(column, 3)
    assert without == empty != zero


@pytest.mark.parametrize("kind", ["binary_vector", "float16_vector"])
def test_vectors_of_bytes_are_divided_evenly(kind: str) -> None:
    column = schema_pb2.FieldData(field_name="embedding")
    setattr(column.vectors, kind, b"abcdef")
    assert cells(column, 3) == [b"ab", b"cd", b"ef"]


def test_a_column_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(Failure, match="field value has 2 values for 3 rows"):
        cells(scalars("long_data", [1, 2]), 3)
    with pytest.raises(Failure, match="field value has 0 values for 1 rows"):
        cells(schema_pb2.FieldData(field_name="value"), 1)


def test_a_shape_comes_back_from_its_document() -> None:
    one = shape(properties={"collection.ttl.seconds": "5"})
    assert Shape.parse(one.document()) == one
    assert (one.public, shape(database="second").public) == ("notes", "second/notes")
    assert (one.primary, one.by_partition) == ("id", True)


def test_a_restored_collection_is_given_its_keys() -> None:
    restored = shape().restored("karen_restoring_1")
    assert not any("autoID" in field for field in restored.fields)
    assert (restored.name, restored.aliases, restored.loaded, restored.generated) == (
        "karen_restoring_1",
        (),
        (),
        False,
    )
    assert "autoID" in shape().fields[0]


def test_names_tell_whose_they_are() -> None:
    first, second = (milvus_names.temporary(one, 7) for one in ("20261122-100000-abcd", "another/ set!"))
    assert first != second
    for name in (first, second, milvus_names.mark("another/ set!", milvus_names.LOADED)):
        assert name.startswith(milvus_names.RESTORING)
        assert name.replace("_", "").isalnum()
    assert milvus_names.tag_of(first) == milvus_names.tag("20261122-100000-abcd") != milvus_names.tag_of(second)
    assert milvus_names.tag_of("notes") == ""

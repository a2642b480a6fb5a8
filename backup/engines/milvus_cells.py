"""The values of one column, each as bytes that are equal only for the same value."""

from typing import Any

import numpy as np

from init.engines.milvus_collections import SERVICE
from init.protocol import Failure

# How wide a number is hashed, whatever the protocol's own form of it.
_NUMBERS = {"bool_data": "<u1", "int_data": "<i4", "long_data": "<i8", "float_data": "<f4", "double_data": "<f8"}
_FLOATING = ("float_data", "double_data")


def cells(column: Any, count: int) -> list[bytes]:
    """Return a column's values; Failure if it does not have as many as the page has rows, or is of an unknown kind."""
    kind = column.WhichOneof("field")
    found = _vectors(column.vectors, count) if kind == "vectors" else _scalars(column.scalars)
    if len(found) != count:
        message = f"{SERVICE}: field {column.field_name} has {len(found)} values for {count} rows"
        raise Failure("BackupFailed", message, "a field of this kind cannot be backed up: report this")
    return found


def cell(value: bytes) -> bytes:
    """Return bytes of any length so that nothing after them can be taken for theirs."""
    return len(value).to_bytes(4) + value


def _scalars(scalars: Any) -> list[bytes]:
    kind = scalars.WhichOneof("data")
    if kind is None:
        return []
    data = getattr(scalars, kind).data
    if kind in _NUMBERS:
        values = np.fromiter(data, dtype=_NUMBERS[kind], count=len(data))
        if kind in _FLOATING:
            # Milvus 2.3.5 writes one of its own to storage: a row is the same before and after.
            values[np.isnan(values)] = np.nan
        return _split(values.tobytes(), values.itemsize)
    if kind == "string_data":
        return [cell(value.encode()) for value in data]
    if kind == "array_data":
        return [cell(b"".join(_scalars(value))) for value in data]
    return [cell(value) for value in data]


def _vectors(vectors: Any, count: int) -> list[bytes]:
    kind = vectors.WhichOneof("data")
    if kind is None:
        return []
    if kind == "sparse_float_vector":
        return [cell(value) for value in vectors.sparse_float_vector.contents]
    value = getattr(vectors, kind)
    whole = _floats(value.data) if kind == "float_vector" else bytes(value)
    return _split(whole, max(1, len(whole) // count))


def _floats(data: Any) -> bytes:
    # One by one: a list of them would take eight times the memory.
    return np.fromiter(data, dtype="<f4", count=len(data)).tobytes()


def _split(whole: bytes, width: int) -> list[bytes]:
    return [whole[start : start + width] for start in range(0, len(whole), width)]

"""Arrays into a Milvus collection: the batches of a `.npz` file, one insert each, and one flush at the end.

Not atomic: every insert stands for itself, and a failure says how many rows are in. Milvus keeps several rows of one key.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from pymilvus import DataType, MilvusClient, MilvusException
from pymilvus.grpc_gen import milvus_pb2, schema_pb2

from init import transport
from init.engines.base import required
from init.loads import header
from init.loads.arrays import Array, Description
from init.protocol import Failure

_SERVICE = "milvus"
_INTERNAL = "ai_karen_migrations"
_TIMEOUT_SECONDS = 120.0
_FIX = "correct the file and load what is missing"
# Per type: what NumPy calls what it holds, and where the message has it.
_NUMBERS = {
    DataType.BOOL: ("?", "bool_data"),
    DataType.INT8: ("i1", "int_data"),
    DataType.INT16: ("i2", "int_data"),
    DataType.INT32: ("i4", "int_data"),
    DataType.INT64: ("i8", "long_data"),
    DataType.FLOAT: ("f4", "float_data"),
    DataType.DOUBLE: ("f8", "double_data"),
}
_TEXTS = {DataType.VARCHAR: "string_data", DataType.JSON: "json_data"}
_VECTOR = DataType.FLOAT_VECTOR
# Field 1, packed: how a list of numbers begins in a message.
_PACKED = b"\x0a"


def load(connection: Mapping[str, Any], target: str, pieces: Iterable[bytes]) -> dict[str, int]:
    """Add the rows to a collection or alias; return how many were added."""
    # It would log every error that is raised, with a traceback.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    client = _connect(connection)
    try:
        fields = _fields(client, target)
        rest = iter(pieces)
        description = Description.decode(next(rest))
        _check(target, description, fields)
        return {"added": _insert(client, target, description, fields, rest)}
    finally:
        client.close()


def _connect(connection: Mapping[str, Any]) -> MilvusClient:
    user = {}
    if required(connection, "authorization", bool):
        user = {"user": required(connection, "user", str), "password": required(connection, "password", str)}
    try:
        return MilvusClient(timeout=_TIMEOUT_SECONDS, **transport.milvus(connection), **user)
    except MilvusException as error:
        raise Failure("ConnectionFailed", f"milvus: {error.message}", "./karen health") from None


def _fields(client: MilvusClient, target: str) -> dict[str, Mapping[str, Any]]:
    """Return the fields that a row must have; BadRequest when there is no such collection."""
    collections = [name for name in client.list_collections() if not name.startswith(_INTERNAL)]
    if target not in collections:
        aliases = [alias for name in collections for alias in client.list_aliases(name)["aliases"]]
        if target not in aliases:
            raise header.unknown_target(_SERVICE, "collection or alias", target, [*aliases, *collections])
    fields = client.describe_collection(target)["fields"]
    return {field["name"]: field for field in fields if not field.get("auto_id")}


def _check(target: str, description: Description, fields: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse, before anything is inserted, arrays that do not fit."""
    given = {array.name: array for array in description.arrays}
    wrong = [f"{target} has no field {name!r}" for name in given if name not in fields]
    wrong += [f"the array {name!r} is missing" for name in fields if name not in given]
    wrong += [
        f"the array {name!r} is of type {given[name].dtype} and shape {list(given[name].shape)} a row; allowed: {allowed}"
        for name, field in fields.items()
        if name in given and (allowed := _misfit(given[name], field)) is not None
    ]
    if wrong:
        raise Failure("BadRequest", f"milvus: {'; '.join(wrong)}; fields: {', '.join(fields)}", "correct the arrays")


def _misfit(array: Array, field: Mapping[str, Any]) -> str | None:
    """Return what the field takes if it is not this array."""
    kind, found = field["type"], np.dtype(array.dtype)
    if kind == _VECTOR:
        dimension = int(field["params"]["dim"])
        fits = list(array.shape) == [dimension] and found.kind == "f"
        return None if fits else f"floats of shape [{dimension}]"
    if kind in _TEXTS:
        return None if not array.shape and found.kind in "US" else "text"
    if kind in _NUMBERS:
        wanted = np.dtype(_NUMBERS[kind][0])
        # Floats may lose digits; whole numbers must not lose their value.
        fits = found.kind == wanted.kind == "f" or np.can_cast(found, wanted, "safe")
        return None if fits and not array.shape else f"{wanted.name} or what fits into it"
    return f"nothing: fields of the type {DataType(kind).name} cannot be loaded"


def _insert(
    client: MilvusClient,
    target: str,
    description: Description,
    fields: Mapping[str, Mapping[str, Any]],
    pieces: Iterator[bytes],
) -> int:
    # The client packs vectors number by number, which takes longer than the server needs; it takes a ready message, too.
    connection, added = client._get_connection(), 0
    try:
        while added < description.rows:
            count = min(description.batch, description.rows - added)
            request = milvus_pb2.InsertRequest(collection_name=target, num_rows=count)
            for array in description.arrays:
                request.fields_data.append(_pack(array, fields[array.name], next(pieces)))
            schema = {"fields": list(fields.values())}
            connection.batch_insert(target, [], insert_param=request, schema=schema, timeout=_TIMEOUT_SECONDS)
            added += count
        client.flush(target, timeout=_TIMEOUT_SECONDS)
    except MilvusException as error:
        place = (
            f"rows {added + 1} to {min(added + description.batch, description.rows)}: "
            if added < description.rows
            else ""
        )
        raise Failure("LoadFailed", f"milvus: {place}{error.message}; {added} rows are in", _FIX) from None
    return added


def _pack(array: Array, field: Mapping[str, Any], data: bytes) -> schema_pb2.FieldData:
    """Return a field of a batch as the message has it; numbers are taken over as they lie in memory."""
    kind, values = field["type"], np.frombuffer(data, dtype=array.dtype)
    packed = schema_pb2.FieldData(type=kind, field_name=array.name)
    if kind == _VECTOR:
        packed.vectors.dim = array.shape[0]
        packed.vectors.float_vector.MergeFromString(_message(values.astype("<f4", copy=False)))
    elif kind in _TEXTS:
        getattr(packed.scalars, _TEXTS[kind]).data.extend(_texts(array.name, kind, values.tolist()))
    else:
        numpy_type, attribute = _NUMBERS[kind]
        getattr(packed.scalars, attribute).data.extend(values.astype(numpy_type, copy=False).tolist())
    return packed


def _texts(name: str, kind: DataType, values: list[str | bytes]) -> list[str] | list[bytes]:
    """Return texts as the message has them; Milvus takes whatever stands in a JSON field, and then fails to read it."""
    try:
        if kind == DataType.VARCHAR:
            return [value if isinstance(value, str) else value.decode() for value in values]
        for value in values:
            json.loads(value)
        return [value if isinstance(value, bytes) else value.encode() for value in values]
    except ValueError:
        known = "JSON" if kind == DataType.JSON else "UTF-8"
        raise MilvusException(message=f"the array {name!r} has an entry that is not {known}") from None


def _message(values: "np.ndarray[Any, Any]") -> bytes:
    """Return a message with one list of numbers, written out: https://protobuf.dev/programming-guides/encoding/#packed."""
    size, length = values.nbytes, bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return _PACKED + bytes(length) + values.tobytes()

"""The rows of one collection as the protocol has them: pages in the order of the key, and their sums.

A file of rows is a sequence of frames, the last of them empty. Each is one insert of the protocol (`InsertRequest`) without
its collection: columns with the exact bits of each number, text and JSON as the bytes that were stored.
"""

import json
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

import grpc
from pymilvus import MilvusException
from pymilvus.grpc_gen import common_pb2, milvus_pb2, schema_pb2

from backup.engines.base import digest
from backup.engines.milvus_cells import cell, cells
from backup.engines.milvus_server import PARTITION_GONE, Server
from backup.engines.milvus_shapes import Shape
from init.engines.base import log
from init.engines.milvus_collections import SERVICE
from init.protocol import Failure

Tell = Callable[[str], None]
_PAGE_BYTES = 4 << 20
_FIRST_ROWS, _MOST_ROWS, _GROWTH = 64, 8192, 8
# The server's answer is larger than it may send.
_TOO_LARGE = ("exceed", "larger than max", "maxoutputsize", "message size")
_HASH_BYTES = 16
_ARRAYS = {
    schema_pb2.Bool: "bool_data",
    schema_pb2.Int8: "int_data",
    schema_pb2.Int16: "int_data",
    schema_pb2.Int32: "int_data",
    schema_pb2.Int64: "long_data",
    schema_pb2.Float: "float_data",
    schema_pb2.Double: "double_data",
    schema_pb2.VarChar: "string_data",
}


class Sums:
    """How many rows there were, and the sum of a hash of each, whatever their order and their pages."""

    def __init__(self, shape: Shape) -> None:
        self._by_partition = shape.by_partition
        self._order = {one["name"]: number for number, one in enumerate(shape.fields)}
        self.count, self._total = 0, 0

    def add(self, page: Any) -> None:
        """Add the rows of a page."""
        # What the schema does not name is the dynamic field.
        columns = sorted(page.fields_data, key=lambda one: self._order.get(one.field_name, len(self._order)))
        rows = zip(*(cells(one, page.num_rows) for one in columns), strict=True)
        place = cell(page.partition_name.encode()) if self._by_partition else b""
        for row in rows:
            content = blake2b(place + b"".join(row), digest_size=_HASH_BYTES)
            self._total += int.from_bytes(content.digest())
            self.count += 1

    @property
    def checksum(self) -> str:
        """Return the sum as a manifest has it."""
        return digest(self._total)


def pages(server: Server, shape: Shape) -> Iterator[Any]:
    """Read a collection that is in memory, as inserts; the first page waits for everything that was acknowledged.

    A key that was written twice is served once; which of its versions that is, the server chooses.
    """
    for partition in shape.partitions if shape.by_partition else ("",):
        try:
            yield from _partition(server, shape, partition)
        except MilvusException as error:
            if error.code != PARTITION_GONE:
                raise
            log(SERVICE, f"partition {partition} of {shape.public} was dropped meanwhile")


def _partition(server: Server, shape: Shape, partition: str) -> Iterator[Any]:
    bound, limit, strong = "", _FIRST_ROWS, True
    while True:
        try:
            answer = _query(server, shape, partition, bound, limit, strong=strong)
        except (MilvusException, grpc.RpcError) as error:
            if not _is_too_large(error) or limit == 1:
                raise
            limit = max(1, limit // _GROWTH)
            continue
        keys = _keys(answer, shape)
        # A page may end early: only an empty one is the last.
        if not keys:
            return
        yield _insert(answer, partition, len(keys))
        bound, strong = f"{shape.primary} > {_literal(max(keys))}", False
        fitting = _PAGE_BYTES * len(keys) // max(1, answer.ByteSize())
        limit = max(1, min(_MOST_ROWS, limit * _GROWTH, fitting))


def _query(server: Server, shape: Shape, partition: str, bound: str, limit: int, *, strong: bool) -> Any:
    # Without `reduce_stop_for_best`, rows are left out of a page where a key was inserted twice.
    options = {"limit": str(limit), "reduce_stop_for_best": "True"}
    return server.ask(
        "Query",
        **shape.place,
        expr=bound,
        output_fields=["*"],
        partition_names=[partition] if partition else [],
        # What the first page has waited for, the later ones see without waiting.
        consistency_level=common_pb2.ConsistencyLevel.Value("Strong" if strong else "Eventually"),
        guarantee_timestamp=0 if strong else 1,
        use_default_consistency=False,
        query_params=[common_pb2.KeyValuePair(key=key, value=value) for key, value in options.items()],
    )


def _keys(answer: Any, shape: Shape) -> list[Any]:
    column = next((one.scalars for one in answer.fields_data if one.field_name == shape.primary), None)
    keys = list(column.long_data.data or column.string_data.data) if column else []
    if len(set(keys)) < len(keys):
        message = f"{SERVICE}: {shape.public}: the server has sent a key twice in one answer"
        raise Failure("BackupFailed", message, "delete one of the rows that have the same key, and try again")
    return keys


def _insert(answer: Any, partition: str, count: int) -> Any:
    page = milvus_pb2.InsertRequest(partition_name=partition, num_rows=count)
    for column in sorted(answer.fields_data, key=lambda one: one.field_id):
        added = page.fields_data.add()
        added.CopyFrom(column)
        added.ClearField("field_id")
        # Milvus 2.3.5 sends an empty array without its kind, and ends in a panic when it is given such a one.
        for array in added.scalars.array_data.data if added.type == schema_pb2.Array else ():
            if array.WhichOneof("data") is None:
                getattr(array, _ARRAYS[added.scalars.array_data.element_type]).SetInParent()
    return page


def _is_too_large(error: Exception) -> bool:
    if isinstance(error, grpc.RpcError):
        return bool(error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED)
    return any(sign in str(error).lower() for sign in _TOO_LARGE)


def _literal(key: int | str) -> str:
    """Return a key as Milvus reads it: with the escapes of JSON, but not those of surrogates."""
    return json.dumps(key, ensure_ascii=False)

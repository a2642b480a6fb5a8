"""Collections of every kind in a real Milvus, and what is in them, read in another way than backups read."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pymilvus import CollectionSchema, DataType, FieldSchema, MilvusClient
from pymilvus.client.types import LoadState

Row = dict[str, Any]
KEY = FieldSchema("id", DataType.INT64, is_primary=True)
VECTOR = FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=4)
TEXT = FieldSchema("text", DataType.VARCHAR, max_length=200)
ODD = ["", 'a"b', "a'b", "a\\", "a\nb", "\x01", "ключ", "😀", "%s{x}", " ", "~"]
# What is being loaded is waited for by `loaded`: the server takes two seconds for one, and for many at once.
_LATER: Any = {"sync": False, "_async": True}
_FLAT = {"index_type": "FLAT", "metric_type": "L2", "params": {}}
_HNSW = {"index_type": "HNSW", "metric_type": "IP", "params": {"M": 8, "efConstruction": 32}}


def make(
    client: MilvusClient,
    name: str,
    fields: Sequence[FieldSchema],
    *,
    index: Mapping[str, Any] | None = None,
    description: str = "",
    dynamic: bool = False,
    **options: Any,
) -> None:
    """Make a collection with an index on `embedding`, unless `index` is empty; it is not loaded."""
    schema = CollectionSchema(list(fields), description=description, enable_dynamic_field=dynamic)
    client.create_collection(name, schema=schema, **options)
    if index or index is None:
        indexes = client.prepare_index_params()
        indexes.add_index(field_name="embedding", index_name="by_embedding", **(index or _FLAT))
        # There is nothing yet that would have to be indexed.
        client.create_index(name, indexes, sync=False)


def small(client: MilvusClient, name: str, count: int, *, alias: str = "") -> None:
    """Make a collection of texts, and begin to load it."""
    make(client, name, [KEY, TEXT, VECTOR], description=f'{{"about": "{name} 😀"}}')
    client.insert(name, [text(number) for number in range(count)]) if count else None
    client.load_collection(name, **_LATER)
    if alias:
        client.create_alias(name, alias)


def text(number: int, value: str = "") -> Row:
    return {"id": number, "text": value or f"row {number}", "embedding": [float(number % 7), 1.0, -0.0, 0.1]}


def kinds(client: MilvusClient) -> None:
    """Fill a collection with values of every kind, in two shards and with dynamic fields."""
    fields = [FieldSchema("id", DataType.VARCHAR, is_primary=True, max_length=100, description="the key"), VECTOR, TEXT]
    scalars = ("BOOL", "INT8", "INT16", "INT32", "INT64", "FLOAT", "DOUBLE", "JSON")
    fields += [FieldSchema(name.lower(), DataType[name]) for name in scalars]
    for name, options in {"INT64": {}, "VARCHAR": {"max_length": 20}, "FLOAT": {}, "BOOL": {}}.items():
        kind = DataType[name]
        fields.append(FieldSchema(f"{name.lower()}s", DataType.ARRAY, element_type=kind, max_capacity=5, **options))
    properties = {"collection.ttl.seconds": "864000"}
    make(
        client,
        "kinds",
        fields,
        index=_HNSW,
        description='{"made": "here"}',
        dynamic=True,
        num_shards=2,
        properties=properties,
        consistency_level="Strong",
    )
    client.insert("kinds", [_of_every_kind(number, key) for number, key in enumerate(ODD)])
    client.flush("kinds")
    client.insert("kinds", [_of_every_kind(number, f"key {number}") for number in range(100, 300)])
    client.load_collection("kinds", **_LATER)


def _of_every_kind(number: int, key: str) -> Row:
    least = {kind: -(1 << (bits - 1)) for kind, bits in (("int8", 8), ("int16", 16), ("int32", 32), ("int64", 64))}
    odd = [float("nan"), float("inf"), -float("inf"), -0.0, 0.1, 5e-324][number % 6]
    return {
        **{kind: low if number % 2 else -1 - low for kind, low in least.items()},
        "id": key,
        "embedding": [float(number), -0.0, 1e-38, 0.1],
        "text": ODD[number % len(ODD)],
        "bool": number % 3 == 0,
        "float": odd,
        "double": odd,
        "json": {"z": [number, 2.5, None], "a": {"😀": 'ü"'}} if number % 2 else {},
        "int64s": [1, least["int64"]][: number % 3],
        "varchars": ["😀", "", "a"][: number % 4],
        "floats": [odd, 0.1][: number % 3],
        "bools": [True, False][: number % 3],
        **({"extra": {"q": number}, "more": "😀"} if number % 2 else {}),
    }


def others(client: MilvusClient) -> None:
    """Make collections of vectors of other kinds, with partitions, keys and states of every kind."""
    make(client, "halves", [KEY, FieldSchema("embedding", DataType.FLOAT16_VECTOR, dim=4)])
    client.insert(
        "halves", [{"id": n, "embedding": np.array([n, -0.0, 0.1, 6e-8], dtype=np.float16)} for n in range(50)]
    )
    client.load_collection("halves", **_LATER)
    # Without an index, and so not in memory.
    make(client, "bits", [KEY, FieldSchema("embedding", DataType.BINARY_VECTOR, dim=16)], index={})
    client.insert("bits", [{"id": number, "embedding": bytes([number, 255 - number])} for number in range(50)])
    make(client, "divided", [KEY, TEXT, VECTOR])
    for partition, first in (("one", 0), ("two", 5)):
        client.create_partition("divided", partition)
        client.insert(
            "divided", [text(number, partition) for number in range(first, first + 10)], partition_name=partition
        )
    client.insert("divided", [text(number) for number in range(100, 110)])
    client.load_partitions("divided", ["one"], **_LATER)
    keyed = FieldSchema("text", DataType.VARCHAR, max_length=200, is_partition_key=True)
    make(client, "keyed", [KEY, keyed, VECTOR], num_partitions=5, dynamic=True)
    # Every third key twice, and some of them in two partitions.
    for value, step in (("", 1), ("a", 3), ("", 6)):
        client.insert("keyed", [{**text(number, value), "extra": number} for number in range(0, 200, step)])
    client.load_collection("keyed", **_LATER)
    make(client, "generated", [FieldSchema("id", DataType.INT64, is_primary=True, auto_id=True), VECTOR])
    client.insert("generated", [{"embedding": [float(number)] * 4} for number in range(20)])
    client.load_collection("generated", **_LATER)


def loaded(client: MilvusClient) -> None:
    """Wait until everything that is being loaded is in memory."""
    deadline = time.monotonic() + 60
    while [one for one in client.list_collections() if client.get_load_state(one)["state"] == LoadState.Loading]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def described(client: MilvusClient) -> dict[str, Any]:
    """Return what collections there are, with everything that the server tells of them and their indexes."""
    found = {}
    for name in sorted(client.list_collections()):
        facts = client.describe_collection(name)
        indexes = {one: client.describe_index(name, one) for one in client.list_indexes(name)}
        built = ("total_rows", "indexed_rows", "pending_index_rows", "state")
        found[name] = {
            **{
                key: facts[key]
                for key in ("fields", "description", "aliases", "consistency_level", "properties", "num_shards")
            },
            "dynamic": facts["enable_dynamic_field"],
            "partitions": {one: str(client.get_load_state(name, one)["state"]) for one in client.list_partitions(name)},
            "indexes": {
                one: {key: value for key, value in index.items() if key not in built} for one, index in indexes.items()
            },
        }
    return found


def contents(client: MilvusClient, name: str) -> dict[Any, str]:
    """Return every row of a collection that is in memory, as text, by its key: all at once."""
    rows = client.query(name, filter="", output_fields=["*"], limit=16_000, consistency_level="Strong")
    return {row["id"]: repr(sorted(row.items())) for row in rows}


def emptied(client: MilvusClient) -> None:
    """Drop every alias and collection, also of other databases' and those of a restore."""
    for name in client.list_collections():
        for alias in client.describe_collection(name)["aliases"]:
            client.drop_alias(alias)
        client.drop_collection(name)

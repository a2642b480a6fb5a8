"""What a collection is without its rows: fields, indexes, partitions, aliases, properties, and whether it is in memory."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict  # type: ignore[import-untyped]
from pymilvus import MilvusException
from pymilvus.grpc_gen import common_pb2, milvus_pb2, schema_pb2

from backup.engines.milvus_server import COLLECTION_GONE, INDEX_GONE, Server
from init.engines.milvus_ledger import PREFIX

DEFAULT = "default"
DEFAULT_PARTITION = "_default"
# An index that a backup makes for a collection without any, which could not be read otherwise.
PROVISIONAL = "karen_backup"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One collection. `loaded` names the partitions that are in memory; `schema` is the protocol's, as JSON has it."""

    database: str
    name: str
    schema: Mapping[str, Any]
    shards: int
    consistency: int
    properties: Mapping[str, str]
    partitions: tuple[str, ...]
    indexes: tuple[Mapping[str, Any], ...]
    aliases: tuple[str, ...]
    loaded: tuple[str, ...]
    generated: bool = False

    @property
    def public(self) -> str:
        """Return its name in a manifest: with `database/` in front where that is not the default one."""
        return self.name if self.database == DEFAULT else f"{self.database}/{self.name}"

    @property
    def is_ledger(self) -> bool:
        """Whether it is the migrations' own, which holds no row."""
        return self.database == DEFAULT and self.name.startswith(PREFIX)

    @property
    def fields(self) -> tuple[Mapping[str, Any], ...]:
        """Return the fields, in their order."""
        return tuple(self.schema["fields"])

    @property
    def primary(self) -> str:
        """Return the name of the primary key."""
        return str(next(one["name"] for one in self.fields if one.get("isPrimaryKey")))

    @property
    def by_partition(self) -> bool:
        """Whether each row's partition was named when it was written; with a partition key, the server chooses it."""
        return not any(one.get("isPartitionKey") for one in self.fields)

    @property
    def place(self) -> dict[str, str]:
        """Return how the protocol names it."""
        return {"db_name": self.database, "collection_name": self.name}

    @property
    def content(self) -> dict[str, Any]:
        """Return what must be the same after a restore."""
        return {key: value for key, value in self.document().items() if key not in ("name", "aliases", "loaded")}

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        lists = {key: list(getattr(self, key)) for key in ("partitions", "indexes", "aliases", "loaded")}
        return {**asdict(self), **lists}

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Shape":
        """Build one from its document."""
        lists = {key: tuple(document[key]) for key in ("partitions", "indexes", "aliases", "loaded")}
        return cls(**{**document, **lists})

    def restored(self, name: str) -> "Shape":
        """Return it as it is made by a restore, under that name.

        The server takes no given key where it generates keys: then the restored collection is one that is given them.
        """
        fields = [{key: value for key, value in one.items() if key != "autoID"} for one in self.fields]
        return replace(
            self, name=name, schema={**self.schema, "fields": fields}, aliases=(), loaded=(), generated=False
        )


def look(server: Server, database: str, name: str) -> tuple[int, Shape] | None:
    """Return a collection's number and what it is; None if there is none of that name, or none any more."""
    place = {"db_name": database, "collection_name": name}
    try:
        facts = server.ask("DescribeCollection", **place)
        partitions = server.ask("ShowPartitions", **place).partition_names
        loaded = server.ask("ShowPartitions", **place, type=milvus_pb2.ShowType.InMemory).partition_names
        indexes = _indexes(server, place)
    except MilvusException as error:
        if error.code != COLLECTION_GONE:
            raise
        return None
    shape = Shape(
        database=database,
        name=name,
        schema=_schema(facts.schema),
        shards=facts.shards_num,
        consistency=facts.consistency_level,
        properties=_pairs(facts.properties),
        partitions=tuple(sorted(partitions)),
        indexes=indexes,
        aliases=tuple(sorted(facts.aliases)),
        # Without an index it is in memory only for a backup that was cut off.
        loaded=tuple(sorted(loaded)) if indexes else (),
        generated=any(one.autoID for one in facts.schema.fields),
    )
    return int(facts.collectionID), shape


def make(server: Server, shape: Shape) -> None:
    """Make an empty collection with its partitions and indexes; one that is the same already is taken as it is."""
    schema = ParseDict({**shape.schema, "name": shape.name}, schema_pb2.CollectionSchema())
    server.do(
        "CreateCollection",
        **shape.place,
        schema=schema.SerializeToString(),
        shards_num=shape.shards,
        consistency_level=shape.consistency,
        properties=_messages(shape.properties),
        num_partitions=0 if shape.by_partition else len(shape.partitions),
    )
    for partition in shape.partitions if shape.by_partition else ():
        if partition != DEFAULT_PARTITION:
            server.do("CreatePartition", **shape.place, partition_name=partition)
    for index in shape.indexes:
        make_index(server, shape, index)


def make_index(server: Server, shape: Shape, index: Mapping[str, Any]) -> None:
    """Give a collection an index: `name`, `field` and `params` as `look` returns them."""
    params = _messages(index["params"])
    server.do("CreateIndex", **shape.place, field_name=index["field"], index_name=index["name"], extra_params=params)


def describe_indexes(server: Server, place: Mapping[str, str]) -> list[Any]:
    """Return the protocol's description of every index."""
    try:
        return list(server.ask("DescribeIndex", **place).index_descriptions)
    except MilvusException as error:
        if error.code != INDEX_GONE:
            raise
        return []


def _indexes(server: Server, place: Mapping[str, str]) -> tuple[Mapping[str, Any], ...]:
    found = [
        {"name": one.index_name, "field": one.field_name, "params": _pairs(one.params)}
        for one in describe_indexes(server, place)
        if one.index_name != PROVISIONAL
    ]
    return tuple(sorted(found, key=lambda one: str(one["name"])))


def _schema(message: Any) -> dict[str, Any]:
    """Return a schema in one form, without what each server numbers by itself."""
    schema: dict[str, Any] = MessageToDict(message)
    for field in schema["fields"]:
        field.pop("fieldID", None)
        for params in ("typeParams", "indexParams"):
            if params in field:
                field[params].sort(key=lambda one: one["key"])
    return {key: value for key, value in schema.items() if key not in ("name", "dbName")}


def _pairs(messages: Any) -> dict[str, str]:
    return {one.key: one.value for one in sorted(messages, key=lambda one: str(one.key))}


def _messages(pairs: Mapping[str, str]) -> list[Any]:
    return [common_pb2.KeyValuePair(key=key, value=value) for key, value in pairs.items()]

"""What collections there are, which of them migrations have made, and how one is defined."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import grpc
from pymilvus import CollectionSchema, DataType, FieldSchema, MilvusClient, MilvusException
from pymilvus.exceptions import ErrorCode

from init.definitions import Collection
from init.engines.base import Work, first_line
from init.engines.milvus_ledger import PREFIX

SERVICE = "milvus"
CONSISTENCY = "Bounded"
# Any of these may come out of the client; the second is what it does not translate.
ERRORS = (MilvusException, grpc.RpcError)
# What an index is by its definition; the rest of its description tells how far it is built.
_BUILDING = (
    "total_rows",
    "indexed_rows",
    "pending_index_rows",
    "state",
    "field_name",
    "index_name",
    "index_state_fail_reason",
)
# After a restart a healthy server answers so until its collections are back in memory.
_NOT_LOADED = ("not loaded", "not fully loaded")
_NOT_READY = (*_NOT_LOADED, "not ready", "no available", "channel not available", "unavailable")
_GONE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


@dataclass(frozen=True)
class Facts:
    """One collection as the server describes it. A later one has a higher number."""

    name: str
    number: int
    description: str
    aliases: tuple[str, ...]
    fields: tuple[Mapping[str, Any], ...]
    consistency: str

    @cached_property
    def made(self) -> Mapping[str, Any]:
        """Return who made it and why; {} for an application's own."""
        try:
            found = json.loads(self.description)
        except ValueError:
            return {}
        return found if isinstance(found, dict) and "migration" in found else {}

    @property
    def migration(self) -> str:
        """Return the migration that made it, "" for an application's own."""
        return str(self.made.get("migration", ""))

    @property
    def replaces(self) -> tuple[str, ...]:
        """Return the older versions of it, the newest first."""
        return tuple(self.made.get("replaces", ()))

    @property
    def primary(self) -> Mapping[str, Any]:
        """Return its primary key."""
        return next(one for one in self.fields if one.get("is_primary"))


def survey(client: MilvusClient) -> dict[str, Facts]:
    """Return every collection but the ledger, by name."""
    found = {}
    for name in sorted(client.list_collections()):
        if name.startswith(PREFIX):
            continue
        try:
            facts = client.describe_collection(name)
        except MilvusException as error:
            # Dropped meanwhile by an application.
            if error.code != ErrorCode.COLLECTION_NOT_FOUND:
                raise
            continue
        found[name] = Facts(
            name=name,
            number=facts["collection_id"],
            description=facts["description"],
            aliases=tuple(sorted(facts["aliases"])),
            fields=tuple(facts["fields"]),
            consistency=facts["consistency_level_name"],
        )
    return found


def ours(found: Mapping[str, Facts]) -> list[Facts]:
    """Return what migrations have made and applications use: without what was replaced and is kept."""
    old = kept(found)
    return [one for one in found.values() if one.migration and one.name not in old]


def kept(found: Mapping[str, Facts]) -> list[str]:
    """Return the versions that changes have replaced: no alias points to them, and one in service names them."""
    replaced = {name for one in found.values() if one.aliases for name in one.replaces}
    return sorted(name for name in replaced & set(found) if found[name].migration and not found[name].aliases)


def holder(found: Mapping[str, Facts], alias: str) -> Facts | None:
    """Return the collection that an alias points to."""
    return next((one for one in found.values() if alias in one.aliases), None)


def description(definition: Collection, work: Work, replaces: Sequence[str] = ()) -> str:
    """Return what a collection says of itself; a description cannot be changed later."""
    older = {"replaces": list(replaces)} if replaces else {}
    return json.dumps({**work.made_by, "about": definition.about, **older})


def create(client: MilvusClient, definition: Collection, made: str) -> None:
    """Create a collection; one with the same fields and description is taken as it is."""
    schema = CollectionSchema([_schema(one) for one in definition.fields], description=made)
    client.create_collection(definition.name, schema=schema, consistency_level=CONSISTENCY)


def load(client: MilvusClient, definition: Collection) -> None:
    """Give a collection its indexes and start to load it, without waiting for either."""
    indexes = client.prepare_index_params()
    for index in definition.indexes:
        indexes.add_index(**index)
    client.create_index(definition.name, indexes, sync=False)
    client.load_collection(definition.name, _async=True)


def drop(client: MilvusClient, facts: Facts) -> None:
    """Drop a collection; its aliases go first, for they would stay and point to nothing."""
    for alias in facts.aliases:
        client.drop_alias(alias)
    client.drop_collection(facts.name)


def objects(client: MilvusClient, found: Mapping[str, Facts]) -> dict[str, str]:
    """Return the schema of what migrations have made: collections, fields, indexes, aliases."""
    schema = {}
    for one in ours(found):
        names = ", ".join(field["name"] for field in one.fields)
        schema[f"collection {one.name}"] = f"{one.consistency} consistency, fields {names}: {one.made.get('about', '')}"
        schema |= {f"field {one.name}.{field['name']}": _shown(field) for field in one.fields}
        schema |= {f"alias {alias}": one.name for alias in one.aliases}
        for index in client.list_indexes(one.name):
            facts = client.describe_index(one.name, index)
            shown = [f"{key} {value}" for key, value in sorted(facts.items()) if key not in _BUILDING]
            schema[f"index {one.name}.{facts['field_name']}"] = ", ".join(shown)
    return schema


def is_transient(error: Exception) -> bool:
    """Whether a server that is starting, or gone, would answer so."""
    code = error.code() if isinstance(error, grpc.RpcError) else getattr(error, "code", None)
    # The client leaves the code of a call that it gave up as it is.
    if isinstance(code, grpc.StatusCode):
        return code in _GONE
    if not isinstance(error, MilvusException):
        return False
    unreachable = code in (ErrorCode.UNEXPECTED_ERROR, 2) and "connect" in error.message.lower()
    return unreachable or any(sign in error.message.lower() for sign in _NOT_READY)


def is_loading(message: str) -> bool:
    """Whether a server has told that its collections are not back in memory."""
    return any(sign in message for sign in _NOT_LOADED)


def describe(error: Exception) -> str:
    """Return what went wrong, in one line."""
    return str(error.details()) if isinstance(error, grpc.RpcError) else first_line(error)


def _schema(definition: Mapping[str, Any]) -> FieldSchema:
    options = {key: value for key, value in definition.items() if key not in ("name", "type", "default")}
    return FieldSchema(definition["name"], DataType[definition["type"]], **options)


def _shown(field: Mapping[str, Any]) -> str:
    parts = [DataType(field["type"]).name, *(f"{key} {value}" for key, value in sorted(field["params"].items()))]
    parts += [sign for key, sign in (("is_primary", "primary key"), ("auto_id", "generated")) if field.get(key)]
    parts += [field["description"]] if field.get("description") else []
    return ", ".join(parts)

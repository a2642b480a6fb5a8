"""Milvus: versioned collections behind aliases. A migration is a Python literal, read and never executed.

Milvus has no transactions. A collection carries the migration that made it in its description, so that a run that was
cut off is recognized and completed; every step after its creation may be repeated. The ledger is the description of an
empty collection, replaced by a new one at each change: a description is made with its collection at once or not at all,
and needs no loading, which rows would. (Collection properties do not do: Milvus 2.3.5 forgot altered ones at a restart.)
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pymilvus import CollectionSchema, DataType, FieldSchema, MilvusClient, MilvusException
from pymilvus.exceptions import ErrorCode

from init.definitions import collection
from init.engines import milvus_access
from init.engines.base import Engine, LedgerEntry, Seeds, failed, first_line, required, retry, unsupported
from init.migrations import Migration
from init.protocol import Failure

_SERVICE = "milvus"
# The collection with the highest revision is the ledger; an older one is left over from a run that was cut off.
LEDGER = "ai_karen_migrations_r"
_TIMEOUT_SECONDS = 10
_LOAD_TIMEOUT_SECONDS = 120
_FIX = "look at the Milvus container's log"
# After a restart a healthy server answers so until its collections are back in memory.
_NOT_READY = ("not loaded", "not fully loaded", "not ready", "no available", "channel not available", "unavailable")


class Driver(Engine):
    """Milvus through pymilvus."""

    _client: MilvusClient
    _version: str
    _loading: list[str]

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Connect; with authorization on, also give root its password and the application its user."""
        self._loading = []
        address = f"http://{required(connection, 'host', str)}:{required(connection, 'port', int)}"
        self._client = retry(
            lambda: milvus_access.connect(address, connection, timeout=_TIMEOUT_SECONDS),
            engine=_SERVICE,
            transient=_is_transient,
            fix=_FIX,
        )
        self._version = retry(self._client.get_server_version, engine=_SERVICE, transient=_is_transient, fix=_FIX)
        if required(connection, "authorization", bool) and not connection.get("must_exist"):
            milvus_access.grant_application(self._client, address, connection, timeout=_TIMEOUT_SECONDS)

    def server_version(self) -> str:
        """Return the server's version without its build's name."""
        return self._version.removeprefix("v").split("-")[0]

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Read the description of the newest ledger; a fresh server has none."""
        revisions = self._revisions()
        if not revisions:
            return ()
        entries = json.loads(self._call(self._client.describe_collection, revisions[-1])["description"])
        return tuple(
            LedgerEntry(name, entry["checksum"], datetime.fromisoformat(entry["applied_at"]))
            for name, entry in sorted(entries.items())
        )

    def apply(self, migration: Migration) -> None:
        """Create the collection with its indexes and alias, start to load it, and record the migration."""
        if migration.suffix != "py":
            raise unsupported(_SERVICE, migration, "py")
        try:
            definition = collection(migration.body)
        except ValueError as error:
            raise failed(_SERVICE, migration, first_line(error)) from None
        try:
            self._create(migration, definition)
            self._record(migration)
        except MilvusException as error:
            raise failed(_SERVICE, migration, error.message) from None

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Add nothing, but wait until the collections that were just made are in memory: the stack is then ready."""
        for name in self._loading:
            self._client.load_collection(name, timeout=_LOAD_TIMEOUT_SECONDS)
        self._loading = []
        return {}

    def verify(self) -> dict[str, int]:
        """Search every collection and count its entities, by alias."""
        counts = {}
        for name in self._call(self._client.list_collections):
            if name.startswith(LEDGER):
                continue
            facts = self._call(self._client.describe_collection, name)
            if '"migration"' not in facts["description"]:
                # An application's own, which it may not have loaded.
                continue
            public = next(iter(facts["aliases"]), name)
            vectors = [field for field in facts["fields"] if field["type"] == DataType.FLOAT_VECTOR]
            for field in vectors:
                unit = [1.0] + [0.0] * (int(field["params"]["dim"]) - 1)
                self._call(self._client.search, public, data=[unit], anns_field=field["name"], limit=1)
            counts[public] = int(
                self._call(self._client.query, public, filter="", output_fields=["count(*)"])[0]["count(*)"]
            )
        return counts

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _create(self, migration: Migration, definition: Mapping[str, Any]) -> None:
        name, alias = definition["name"], definition["alias"]
        made_by = json.dumps(
            {"migration": migration.name, "checksum": migration.checksum, "about": definition["about"]}
        )
        if not self._client.has_collection(name):
            schema = CollectionSchema([_field(one) for one in definition["fields"]], description=made_by)
            self._client.create_collection(name, schema=schema, consistency_level="Bounded")
        elif self._client.describe_collection(name)["description"] != made_by:
            raise failed(_SERVICE, migration, f"collection {name} exists and was not made by this migration")
        indexes = self._client.prepare_index_params()
        for index in definition["indexes"]:
            indexes.add_index(**index)
        self._client.create_index(name, indexes, sync=False)
        self._client.load_collection(name, _async=True)
        self._loading.append(name)
        try:
            self._client.create_alias(name, alias)
        except MilvusException:
            # Repeated after a cut, the alias is there already; anything else is told apart by where it points.
            self._client.alter_alias(name, alias)

    def _record(self, migration: Migration) -> None:
        applied_at = datetime.now(UTC)
        entries = {
            entry.name: {"checksum": entry.checksum, "applied_at": entry.applied_at.isoformat()}
            for entry in (*self.ledger(), LedgerEntry(migration.name, migration.checksum, applied_at))
        }
        older = self._revisions()
        revision = int(older[-1].removeprefix(LEDGER)) + 1 if older else 1
        # A vector field is required of every collection; this one never holds a row.
        fields = [
            FieldSchema("name", DataType.VARCHAR, is_primary=True, max_length=64),
            FieldSchema("unused", DataType.FLOAT_VECTOR, dim=2),
        ]
        self._client.create_collection(
            f"{LEDGER}{revision:06}", schema=CollectionSchema(fields, description=json.dumps(entries))
        )
        for name in older:
            self._client.drop_collection(name)

    def _revisions(self) -> list[str]:
        return sorted(name for name in self._call(self._client.list_collections) if name.startswith(LEDGER))

    def _call(self, function: Any, *arguments: Any, **options: Any) -> Any:
        """Call the client, with patience for a server that is still bringing its collections back."""
        try:
            return retry(lambda: function(*arguments, **options), engine=_SERVICE, transient=_is_transient, fix=_FIX)
        except MilvusException as error:
            raise Failure("VerificationFailed", f"milvus: {error.message}", _FIX) from None


def _field(definition: Mapping[str, Any]) -> FieldSchema:
    options = {key: value for key, value in definition.items() if key not in ("name", "type")}
    return FieldSchema(definition["name"], DataType[definition["type"]], **options)


def _is_transient(error: Exception) -> bool:
    """Whether a server that is starting would answer so."""
    if not isinstance(error, MilvusException):
        return False
    unreachable = error.code in (ErrorCode.UNEXPECTED_ERROR, 2) and "connect" in error.message.lower()
    return unreachable or any(sign in error.message.lower() for sign in _NOT_READY)

"""Milvus' ledger: the description of an empty collection, replaced by a new one at each change.

A description is made with its collection, at once or not at all, and needs no loading, which rows would. The number in
the collection's name is its revision; of two runners that make the same one, the server refuses the second.
"""

import json
import uuid
from typing import Any

from pymilvus import CollectionSchema, DataType, FieldSchema, MilvusClient, MilvusException
from pymilvus.exceptions import ErrorCode

from init.engines.base import LedgerConflict
from init.migrations import LedgerEntry

# The collection with the highest revision is the ledger; an older one is left over from a run that was cut off.
PREFIX = "ai_karen_migrations_r"
_SERVICE = "milvus"
_ANOTHER = "different parameters"
_READ_ATTEMPTS = 5


class Ledger:
    """The entries by name, as of one revision. What was read or written last is the base of the next change."""

    def __init__(self, client: MilvusClient) -> None:
        self._client = client
        # Two runners may write the same entries; their collections differ in this.
        self._mark = uuid.uuid4().hex
        self._revision: int | None = None
        self._entries: dict[str, LedgerEntry] = {}

    def read(self) -> tuple[LedgerEntry, ...]:
        """Read the newest revision; a fresh server has none."""
        for _ in range(_READ_ATTEMPTS):
            revision = max(self._revisions(), default=0)
            try:
                facts = self._client.describe_collection(_collection(revision)) if revision else {"description": "{}"}
            except MilvusException as error:
                # Another runner put the next one in its place just now.
                if error.code != ErrorCode.COLLECTION_NOT_FOUND:
                    raise
                continue
            self._revision, self._entries = revision, _parse(facts["description"])
            return tuple(self._entries[name] for name in sorted(self._entries))
        raise LedgerConflict(_SERVICE, "every migration")

    def write(self, entry: LedgerEntry, replacing: LedgerEntry | None) -> None:
        """Put an entry in the place of `replacing`; LedgerConflict if that is not what is there."""
        self._expect(entry.name, replacing)
        self._advance({**self._entries, entry.name: entry}, entry.name)

    def remove(self, entry: LedgerEntry) -> None:
        """Take an entry out; LedgerConflict if it is not there as given."""
        self._expect(entry.name, entry)
        self._advance({name: one for name, one in self._entries.items() if name != entry.name}, entry.name)

    def _expect(self, name: str, recorded: LedgerEntry | None) -> None:
        if self._revision is None:
            self.read()
        if self._entries.get(name) != recorded:
            self._revision = None
            raise LedgerConflict(_SERVICE, name)

    def _advance(self, entries: dict[str, LedgerEntry], name: str) -> None:
        """Make the next revision, see that it is the newest, and drop the others."""
        revision, self._revision = (self._revision or 0) + 1, None
        self._create(revision, entries, name)
        revisions = self._revisions()
        if revisions[-1:] != [revision]:
            # Others went on from this revision already, or were ahead so far that its number was free again.
            self._client.drop_collection(_collection(revision))
            self.read()
            if self._entries.get(name) == entries.get(name):
                return
            raise LedgerConflict(_SERVICE, name)
        for older in revisions[:-1]:
            self._client.drop_collection(_collection(older))
        self._revision, self._entries = revision, entries

    def _create(self, revision: int, entries: dict[str, LedgerEntry], name: str) -> None:
        # A vector field is required of every collection; this one never holds a row.
        fields = [
            FieldSchema("name", DataType.VARCHAR, is_primary=True, max_length=64, description=self._mark),
            FieldSchema("unused", DataType.FLOAT_VECTOR, dim=2),
        ]
        description = json.dumps({one: entry.document() for one, entry in sorted(entries.items())})
        schema = CollectionSchema(fields, description=description)
        try:
            self._client.create_collection(_collection(revision), schema=schema)
        except MilvusException as error:
            if _ANOTHER not in error.message:
                raise
            raise LedgerConflict(_SERVICE, name) from None

    def _revisions(self) -> list[int]:
        numbers = (name.removeprefix(PREFIX) for name in self._client.list_collections() if name.startswith(PREFIX))
        return sorted(int(number) for number in numbers if number.isdigit())


def _collection(revision: int) -> str:
    return f"{PREFIX}{revision:06}"


def _parse(description: str) -> dict[str, LedgerEntry]:
    documents: dict[str, Any] = json.loads(description)
    return {name: LedgerEntry.parse({**document, "migration_name": name}) for name, document in documents.items()}

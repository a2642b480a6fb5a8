"""Elasticsearch's ledger: an index with one document a migration, each written only in place of the one that was read."""

from collections.abc import Callable, Mapping
from typing import Any

from elasticsearch import ConflictError, Elasticsearch, NotFoundError

from init.engines.base import LedgerConflict, Result
from init.engines.elasticsearch_indices import LEDGER
from init.engines.elasticsearch_script import SERVICE
from init.migrations import LedgerEntry
from init.protocol import Failure

# Versions have three digits.
_LIMIT = 1000
_PROBE = "verification-probe"
_SETTINGS = {"number_of_shards": 1, "number_of_replicas": 0}
_PROPERTIES: Mapping[str, Mapping[str, Any]] = {
    "migration_name": {"type": "keyword"},
    "checksum": {"type": "keyword"},
    "applied_at": {"type": "date"},
    "duration": {"type": "double"},
    "applied_by": {"type": "keyword"},
    "state": {"type": "keyword"},
    "dirty": {"type": "boolean"},
    "step": {"type": "integer"},
    # An indexed keyword has a limit of 32,766 bytes.
    "error": {"type": "keyword", "index": False, "doc_values": False},
}


class Ledger:
    """The ledger's index; the first record makes it."""

    def __init__(self, client: Elasticsearch, patiently: Callable[[Callable[[], Any]], Any]) -> None:
        self._client = client
        self._patiently = patiently
        # The fields that the index has; None while there is no index.
        self._fields: set[str] | None = None

    def entries(self) -> tuple[LedgerEntry, ...]:
        """Return what is recorded, in order; () where there is no ledger."""
        self._look()
        # The first search of a cold server takes a third of a second: none is made for nothing.
        if self._fields is None:
            return ()
        self._client.indices.refresh(index=LEDGER)
        hits = self._patiently(lambda: self._client.search(index=LEDGER, size=_LIMIT))["hits"]["hits"]
        entries = [LedgerEntry.parse(hit["_source"]) for hit in hits if hit["_id"] != _PROBE]
        return tuple(sorted(entries, key=lambda entry: entry.name))

    def write(self, entry: LedgerEntry, replacing: LedgerEntry | None) -> None:
        """Record an entry in place of `replacing`; LedgerConflict if that is not what is there."""
        self._prepare()
        self._compare_and_set(
            entry,
            replacing,
            lambda position: self._client.index(index=LEDGER, id=entry.name, document=entry.document(), **position),
        )

    def remove(self, entry: LedgerEntry) -> None:
        """Delete an entry's document; LedgerConflict if it is not there as given."""
        self._compare_and_set(
            entry, entry, lambda position: self._client.delete(index=LEDGER, id=entry.name, **position)
        )

    def probe(self) -> None:
        """Create and remove a document, unrefreshed: a search does not see it. Without a ledger there is nothing to try.

        It is looked for each time: somebody may have deleted it, and a write would make an index with fields of the server's choice.
        """
        self._look()
        if self._fields is None:
            return
        key, document = {"_id": _PROBE}, {"migration_name": _PROBE}
        operations: list[Mapping[str, Any]] = [{"index": key}, document, {"delete": key}]
        answer = self._client.bulk(index=LEDGER, operations=operations)
        if answer["errors"]:
            fix = "look at the Elasticsearch container's log"
            raise Failure("VerificationFailed", f"{SERVICE}: a write was refused: {answer['items']}", fix)

    def _compare_and_set(
        self, entry: LedgerEntry, replacing: LedgerEntry | None, change: Callable[[Mapping[str, Any]], Result]
    ) -> Result:
        """Change the document if it is what the runner knows, and if nobody changes it in between."""
        try:
            if replacing is None:
                return change({"op_type": "create"})
            found = self._patiently(lambda: self._client.get(index=LEDGER, id=replacing.name))
            if LedgerEntry.parse(found["_source"]) != replacing or replacing.name != entry.name:
                raise LedgerConflict(SERVICE, entry.name)
            return change({"if_seq_no": found["_seq_no"], "if_primary_term": found["_primary_term"]})
        except (ConflictError, NotFoundError):
            raise LedgerConflict(SERVICE, entry.name) from None

    def _look(self) -> None:
        client = self._client.options(ignore_status=404)
        answer = self._patiently(lambda: client.indices.get_mapping(index=LEDGER))
        self._fields = set(answer[LEDGER]["mappings"].get("properties", {})) if LEDGER in answer else None

    def _prepare(self) -> None:
        """Make the index, or add the fields that one of an earlier version does not have."""
        if self._fields is None:
            creating = self._client.options(ignore_status=400).indices
            mappings = {"dynamic": "strict", "properties": _PROPERTIES}
            answer = creating.create(index=LEDGER, settings=_SETTINGS, mappings=mappings, wait_for_active_shards=0)
            # Another runner may have been quicker.
            self._fields = set() if "error" in answer else set(_PROPERTIES)
        if not self._fields >= set(_PROPERTIES):
            self._client.indices.put_mapping(index=LEDGER, properties=_PROPERTIES)
            self._fields = set(_PROPERTIES)

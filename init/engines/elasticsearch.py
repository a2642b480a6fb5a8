"""Elasticsearch: versioned indices behind aliases. There are no transactions: an index carries the migration that made it
in its mapping's `_meta`, so that a run that was cut off before its ledger entry is recognized and completed.

The ledger is an index of its own, whose documents are only ever created, never overwritten.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from elastic_transport import ApiError, ObjectApiResponse, TransportError
from elastic_transport import ConnectionError as Unreachable
from elasticsearch import BadRequestError, Elasticsearch

from init.engines.base import Engine, LedgerEntry, Result, Seeds, failed, first_line, required, retry, unsupported
from init.migrations import Migration
from init.protocol import Failure

_SERVICE = "elasticsearch"
LEDGER = "ai_karen_migrations"
CLASSIFIER = "ai_karen_classifier"
_PUBLIC = "ai_karen_*"
_REQUEST_SECONDS = 30
# While the security index is created the right password gets 401; a wrong one gets it for longer.
_UNAUTHORIZED_SECONDS = 10.0
_TRANSIENT = (429, 502, 503, 504)
_FIX = "look at the Elasticsearch container's log"
_LEDGER_LIMIT = 1000
_LEDGER_SETTINGS = {"number_of_shards": 1, "number_of_replicas": 0}
_LEDGER_MAPPINGS = {
    "dynamic": "strict",
    "properties": {
        "migration_name": {"type": "keyword"},
        "checksum": {"type": "keyword"},
        "applied_at": {"type": "date"},
    },
}


class Driver(Engine):
    """Elasticsearch through its official client."""

    _client: Elasticsearch
    _version: str
    _has_ledger: bool = False

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Connect with the given user; 401 is believed only after a while."""
        user, password = required(connection, "user", str), required(connection, "password", str)
        self._client = Elasticsearch(
            required(connection, "url", str),
            basic_auth=(user, password),
            request_timeout=_REQUEST_SECONDS,
            max_retries=0,
        )
        self._version = self._patiently(lambda: self._information(user))["version"]["number"]

    def server_version(self) -> str:
        """Return the server's version."""
        return self._version

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Read the ledger's documents; a fresh server has no ledger."""
        self._has_ledger = bool(self._patiently(lambda: self._client.indices.exists(index=LEDGER)))
        # The first search of a cold server takes a third of a second: none is made for nothing.
        if not self._has_ledger:
            return ()
        self._client.indices.refresh(index=LEDGER)
        hits = self._patiently(lambda: self._client.search(index=LEDGER, size=_LEDGER_LIMIT))["hits"]["hits"]
        entries = [
            LedgerEntry(one["migration_name"], one["checksum"], datetime.fromisoformat(one["applied_at"]))
            for one in (hit["_source"] for hit in hits)
        ]
        return tuple(sorted(entries, key=lambda entry: entry.name))

    def apply(self, migration: Migration) -> None:
        """Create the indices that the file describes, each with its alias, then record the migration."""
        if migration.suffix != "json":
            raise unsupported(_SERVICE, migration, "json")
        try:
            definitions = json.loads(migration.body)["indices"]
            # The server makes several indices in little more time than one.
            with ThreadPoolExecutor() as pool:
                jobs = [pool.submit(self._create_index, migration, definition) for definition in definitions]
                jobs.append(pool.submit(self._create_ledger))
            for job in jobs:
                job.result()
            entry = {
                "migration_name": migration.name,
                "checksum": migration.checksum,
                "applied_at": datetime.now(UTC).isoformat(),
            }
            self._client.create(index=LEDGER, id=migration.name, document=entry)
        except (ValueError, KeyError) as error:
            raise failed(_SERVICE, migration, f"not a list of index definitions: {first_line(error)}") from None
        except (ApiError, TransportError) as error:
            raise failed(_SERVICE, migration, _describe(error)) from None

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Add the classifier's utterances in one request; a document that is there, changed or not, stays."""
        records = seeds.get("classifier") or []
        if not records:
            return {}
        operations: list[Mapping[str, Any]] = [
            part for record in records for part in ({"create": {"_id": _identifier(record)}}, record)
        ]
        answer = self._client.bulk(index=CLASSIFIER, operations=operations)
        results = [item["create"] for item in answer["items"]]
        refused = [result for result in results if result["status"] not in (201, 409)]
        if refused:
            raise Failure("SeedFailed", f"elasticsearch: {refused[0]['error']['reason']}", "correct init/data/seed")
        return {CLASSIFIER: sum(result["status"] == 201 for result in results)}

    def verify(self) -> dict[str, int]:
        """Ask for health, write and remove a document, search, and count every index's documents, by alias."""
        health = self._client.cluster.health(wait_for_status="yellow", timeout=f"{_REQUEST_SECONDS - 5}s")
        if health["status"] not in ("green", "yellow"):
            raise Failure("VerificationFailed", f"elasticsearch: cluster health is {health['status']}", _FIX)
        self._probe_write()
        # What was written a moment ago counts as well.
        self._client.indices.refresh(index=_PUBLIC)
        aliases = {
            index: sorted(facts["aliases"]) for index, facts in self._client.indices.get_alias(index=_PUBLIC).items()
        }
        answers = self._client.msearch(
            searches=[
                part
                for index in aliases
                for part in ({"index": index}, {"size": 0, "track_total_hits": True, "query": {"match_all": {}}})
            ]
        )["responses"]
        counts = {}
        for (index, names), answer in zip(aliases.items(), answers, strict=True):
            if "error" in answer:
                raise Failure(
                    "VerificationFailed", f"elasticsearch: a search in {index} failed: {answer['error']}", _FIX
                )
            counts[names[0] if names else index] = answer["hits"]["total"]["value"]
        return dict(sorted(counts.items()))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _information(self, user: str) -> ObjectApiResponse[Any]:
        try:
            return retry(
                self._client.info, engine=_SERVICE, transient=_is_unauthorized, fix=_FIX, seconds=_UNAUTHORIZED_SECONDS
            )
        except Failure:
            fix = "the volume keeps the password it was given first: restore the stack's state, or reset the stack"
            raise Failure("AuthenticationFailed", f"elasticsearch: the password of {user} was refused", fix) from None

    def _create_index(self, migration: Migration, definition: Mapping[str, Any]) -> None:
        """Create an index; one that this very migration made before it was cut off is taken as it is."""
        name = definition["index"]
        made_by = {"migration": migration.name, "checksum": migration.checksum}
        try:
            self._client.indices.create(
                index=name,
                settings=definition["settings"],
                mappings={**definition["mappings"], "_meta": made_by},
                aliases={definition["alias"]: {"is_write_index": True}},
                # What comes next need not wait for the shard to start; the verification waits for health.
                wait_for_active_shards=0,
            )
        except BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise
            mapping = self._client.indices.get_mapping(index=name)[name]["mappings"]
            if mapping.get("_meta") != made_by:
                raise failed(_SERVICE, migration, f"index {name} exists and was not made by this migration") from None

    def _create_ledger(self) -> None:
        if not self._has_ledger:
            creating = self._client.options(ignore_status=400).indices
            creating.create(
                index=LEDGER, settings=_LEDGER_SETTINGS, mappings=_LEDGER_MAPPINGS, wait_for_active_shards=0
            )
            self._has_ledger = True

    def _patiently(self, attempt: Callable[[], Result]) -> Result:
        return retry(attempt, engine=_SERVICE, transient=_is_transient, fix=_FIX)

    def _probe_write(self) -> None:
        """Create and remove a document in our own index, unrefreshed: a search does not see it."""
        key, probe = {"_id": "verification-probe"}, {"migration_name": "verification-probe"}
        operations: list[Mapping[str, Any]] = [{"index": key}, probe, {"delete": key}]
        answer = self._client.bulk(index=LEDGER, operations=operations)
        if answer["errors"]:
            raise Failure("VerificationFailed", f"elasticsearch: a write was refused: {answer['items']}", _FIX)


def _identifier(record: Mapping[str, Any]) -> str:
    """Return a document's identifier: the same utterance in the same language is the same document."""
    return hashlib.sha256(f"{record['language']}\0{record['text']}".encode()).hexdigest()[:32]


def _is_unauthorized(error: Exception) -> bool:
    return isinstance(error, ApiError) and error.meta.status == 401


def _is_transient(error: Exception) -> bool:
    """Whether a server that is starting would answer so."""
    return isinstance(error, Unreachable) or (isinstance(error, ApiError) and error.meta.status in _TRANSIENT)


def _describe(error: ApiError | TransportError) -> str:
    if not isinstance(error, ApiError):
        return first_line(error)
    body = error.body
    reason = body.get("error") if isinstance(body, Mapping) else body
    causes = reason.get("root_cause") if isinstance(reason, Mapping) else None
    return str((causes or [reason])[0].get("reason")) if isinstance((causes or [reason])[0], Mapping) else str(reason)

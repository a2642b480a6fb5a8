"""Elasticsearch: versioned indices behind aliases. There are no transactions: an index carries the migration that made it
in its mapping's `_meta`, so that a run that was cut off is recognized and completed.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from elastic_transport import ApiError, ObjectApiResponse
from elastic_transport import ConnectionError as Unreachable
from elasticsearch import Elasticsearch

from init import transport
from init.engines import elasticsearch_accounts, elasticsearch_damage, elasticsearch_wipe
from init.engines import elasticsearch_changes as changes
from init.engines import elasticsearch_indices as indices
from init.engines.base import Accounts, Count, Engine, Result, Seeds, Work, patience, required, retry
from init.engines.elasticsearch_ledger import Ledger
from init.engines.elasticsearch_script import SERVICE
from init.migrations import LedgerEntry, Script
from init.protocol import Failure

CLASSIFIER = "ai_karen_classifier"
_PUBLIC = f"{indices.PUBLIC}*"
_REQUEST_SECONDS = 30
# While the security index is created the right password gets 401; a wrong one gets it for longer. Who has less patience believes it sooner.
_UNAUTHORIZED_SECONDS = 10.0
_TRANSIENT = (429, 502, 503, 504)
_FIX = "look at the Elasticsearch container's log"


class Driver(Engine):
    """Elasticsearch through its official client."""

    _client: Elasticsearch
    _ledger: Ledger
    _version: str

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Connect with the given user; 401 is believed only after a while."""
        user, password = required(connection, "user", str), required(connection, "password", str)
        self._client = Elasticsearch(
            required(connection, "url", str),
            basic_auth=(user, password),
            request_timeout=_REQUEST_SECONDS,
            max_retries=0,
            **transport.elasticsearch(connection),
        )
        self._version = self._patiently(lambda: self._information(user))["version"]["number"]
        self._ledger = Ledger(self._client, self._patiently)

    def server_version(self) -> str:
        """Return the server's version."""
        return self._version

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Read the ledger's documents; a fresh server has no ledger."""
        return self._ledger.entries()

    @indices.explained()
    def write(self, entry: LedgerEntry, replacing: LedgerEntry | None) -> None:
        """Record an entry; the first one makes the ledger's index."""
        self._ledger.write(entry, replacing)

    @indices.explained()
    def remove(self, entry: LedgerEntry) -> None:
        """Delete an entry's document."""
        self._ledger.remove(entry)

    @indices.explained()
    def check(self, script: Script) -> None:
        """Refuse a script that is wrong, or that does not fit the indices and aliases that are there."""
        changes.check(self._client, script)

    @indices.explained()
    def execute(self, script: Script, work: Work) -> None:
        """Make, replace and remove indices; what was replaced is kept, write-blocked, until that is confirmed."""
        changes.execute(self._client, script, work)

    @indices.explained()
    def objects(self) -> dict[str, str]:
        """Return our indices, their fields and their aliases."""
        return indices.objects(indices.read(self._client, ["*"]).values())

    @indices.explained()
    def kept(self) -> dict[str, int]:
        """Return the old versions that changes have kept, with their documents."""
        kept = [one.name for one in indices.read(self._client, ["*"]).values() if one.kept_by]
        return {name: self._client.count(index=name)["count"] for name in sorted(kept)}

    @indices.explained()
    def drop_kept(self, names: Sequence[str]) -> None:
        """Delete old versions for good."""
        indices.drop_kept(self._client, names)

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Add the classifier's utterances in one request; a document that is there, changed or not, stays."""
        records = seeds.get("classifier") or []
        if not records:
            return {}
        operations: list[Mapping[str, Any]] = [
            part for record in records for part in ({"create": {"_id": _identifier(record)}}, record)
        ]
        # Without the alias the server would make an index of its name, of its own making.
        answer = self._client.bulk(index=CLASSIFIER, operations=operations, require_alias=True)
        results = [item["create"] for item in answer["items"]]
        if results[0]["status"] == 404:
            return {}
        refused = [result for result in results if result["status"] not in (201, 409)]
        if refused:
            raise Failure("SeedFailed", f"elasticsearch: {refused[0]['error']['reason']}", "correct init/data/seed")
        return {CLASSIFIER: sum(result["status"] == 201 for result in results)}

    def probe(self) -> None:
        """Ask for health, write and remove a document."""
        elasticsearch_damage.require_whole(self._client)
        self._ledger.probe()

    def verify(self) -> dict[str, int]:
        """Probe, search, and count every index's documents, by alias."""
        self.probe()
        # What was written a moment ago counts as well.
        self._client.indices.refresh(index=_PUBLIC)
        ours = indices.read(self._client, [_PUBLIC])
        aliases = {name: sorted(one.aliases) for name, one in ours.items() if not one.kept_by}
        if not aliases:
            return {}
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

    @indices.explained()
    def contents(self) -> Mapping[str, Count]:
        """Count the documents of every data stream and index."""
        return elasticsearch_wipe.contents(self._client)

    def wipe(self) -> None:
        """Delete everything but the server's own indices."""
        elasticsearch_wipe.wipe(self._client)
        self._ledger = Ledger(self._client, self._patiently)

    @indices.explained()
    def grant(self, accounts: Accounts) -> None:
        """Set users and their roles, which are for the indices that migrations have made."""
        elasticsearch_accounts.grant(self._client, accounts, indices.read(self._client, ["*"]).values())

    @indices.explained()
    def change(self, account: Mapping[str, Any], former: str) -> None:
        """Set a user's password; the former one is refused from then on."""
        elasticsearch_accounts.change(self._client, account)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _information(self, user: str) -> ObjectApiResponse[Any]:
        try:
            return retry(
                self._client.info,
                engine=SERVICE,
                transient=_is_unauthorized,
                fix=_FIX,
                seconds=patience(_UNAUTHORIZED_SECONDS),
            )
        except Failure:
            fix = "finish a rotation that was cut off (./karen rotate all), or restore the stack's state: the volume keeps its passwords"
            raise Failure("AuthenticationFailed", f"elasticsearch: the password of {user} was refused", fix) from None

    def _patiently(self, attempt: Callable[[], Result]) -> Result:
        return retry(attempt, engine=SERVICE, transient=_is_transient, fix=_FIX)


def _identifier(record: Mapping[str, Any]) -> str:
    """Return a document's identifier: the same utterance in the same language is the same document."""
    return hashlib.sha256(f"{record['language']}\0{record['text']}".encode()).hexdigest()[:32]


def _is_unauthorized(error: Exception) -> bool:
    return isinstance(error, ApiError) and error.meta.status == 401


def _is_transient(error: Exception) -> bool:
    """Whether a server that is starting would answer so."""
    return isinstance(error, Unreachable) or (isinstance(error, ApiError) and error.meta.status in _TRANSIENT)

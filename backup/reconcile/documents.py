"""Elasticsearch's documents of memories, behind the alias `ai_karen_memory`, keyed by their field `vector_id`."""

import json
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elastic_transport import ApiError, TransportError
from elasticsearch import Elasticsearch, helpers

from backup.reconcile import unkeyed
from backup.reconcile.model import REPEATED, Embeddings, Memory, Mended, Side
from init import transport
from init.engines import elasticsearch_indices as indices
from init.engines.base import required
from init.protocol import Failure

ALIAS = "ai_karen_memory"
KEY = "vector_id"
_PAGE = 250
_REQUEST_SECONDS = 120
_KEEP_ALIVE = "5m"
# Somebody else was faster: the next round sees what has become of it.
_OVERTAKEN = (404, 409)


@dataclass(frozen=True, slots=True)
class Document:
    """One document. `moment` is its `timestamp` in Unix seconds, as the server understands it."""

    key: int
    id: str
    index: str
    source: Mapping[str, Any]
    moment: str | None
    # What a change of it has to name: the server refuses it if there was another since.
    version: Mapping[str, Any]


class Documents(Side):
    """The documents, through the official client."""

    engine = "elasticsearch"

    def __init__(self, connection: Mapping[str, Any]) -> None:
        """Connect; Failure `NotInitialized` without the alias, or where documents have no key."""
        self._client = Elasticsearch(
            required(connection, "url", str),
            basic_auth=(required(connection, "user", str), required(connection, "password", str)),
            request_timeout=_REQUEST_SECONDS,
            **transport.elasticsearch(connection),
        )
        found = indices.read(self._client, [ALIAS])
        mapped = {name for one in found.values() for name in one.mappings.get("properties", {})}
        if KEY not in mapped:
            self.close()
            raise Failure("NotInitialized", f"elasticsearch: {ALIAS} has no {KEY}", "./karen migrate up elasticsearch")
        self._fields = [name for name in REPEATED if name in mapped]
        newest = [name for name, one in sorted(found.items()) if one.aliases.get(ALIAS, {}).get("is_write_index")]
        self._index = (newest or sorted(found))[-1]

    def held(self) -> Generator[tuple[int, Document]]:
        """Yield every document that has a key."""
        self._client.indices.refresh(index=ALIAS)
        for one in self._read({"exists": {"field": KEY}}):
            yield one.key, one

    def agrees(self, memory: Memory, one: Document) -> bool:
        """Whether the document says what the row says. Nothing and an empty text are the same."""
        return all(_same(name, getattr(memory, name), one) for name in self._fields)

    def mend(self, keys: Sequence[int], memories: Mapping[int, Memory], embeddings: Embeddings) -> Mended:
        """Write, bring up to date and delete documents; a field that no row has, as the embedding, stays as it is."""
        self._client.indices.refresh(index=ALIAS)
        held: dict[int, list[Document]] = defaultdict(list)
        for one in self._read({"terms": {KEY: list(keys)}}):
            held[one.key].append(one)
        actions, new = [], []
        for key in keys:
            memory, documents = memories.get(key), held[key]
            if memory is None:
                actions += [(key, _delete(one)) for one in documents]
            elif not documents:
                new.append(memory)
            else:
                kept = next((one for one in documents if self.agrees(memory, one)), documents[0])
                actions += [(key, _delete(one)) for one in documents if one is not kept]
                if not self.agrees(memory, kept):
                    actions.append((key, self._update(kept, memory)))
        return self._send([*actions, *self._new(new)])

    def hopeless(self, keys: Sequence[int], embeddings: Embeddings) -> list[int]:
        """Return none: a row holds all that its document needs."""
        return []

    def unkeyed(self) -> int:
        """Count the documents without a key."""
        return unkeyed.count(self._client, ALIAS, KEY)

    def explain(self, error: Exception) -> str | None:
        """Return the server's reason, or the transport's."""
        return indices.describe(error) if isinstance(error, ApiError | TransportError) else None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _read(self, query: Mapping[str, Any]) -> Iterator[Document]:
        """Read what a query finds, as of one moment, in the order of the key."""
        pit = self._client.open_point_in_time(index=ALIAS, keep_alive=_KEEP_ALIVE)["id"]
        after: list[Any] | None = None
        try:
            while True:
                answer = self._client.search(
                    pit={"id": pit, "keep_alive": _KEEP_ALIVE},
                    query=query,
                    sort=[{KEY: "asc"}, {"_shard_doc": "asc"}],
                    search_after=after,
                    size=_PAGE,
                    source_includes=self._fields,
                    docvalue_fields=[{"field": "timestamp", "format": "epoch_second"}],
                    seq_no_primary_term=True,
                    track_total_hits=False,
                )
                pit, hits = answer["pit_id"], answer["hits"]["hits"]
                if not hits:
                    return
                yield from map(_document, hits)
                after = hits[-1]["sort"]
        finally:
            self._client.close_point_in_time(id=pit)

    def _update(self, one: Document, memory: Memory) -> dict[str, Any]:
        return {**_change("update", one), "doc": self._values(memory)}

    def _new(self, memories: Sequence[Memory]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Give a document without a key the row that it is of; make the others, named by their key where that is free."""
        if not memories:
            return
        homes, taken = unkeyed.homes(self._client, ALIAS, KEY, memories)
        for memory in memories:
            if hit := homes.get(memory.key):
                yield memory.key, self._update(_document({**hit, "sort": [memory.key]}), memory)
                continue
            name = {} if memory.key in taken else {"_id": str(memory.key)}
            source = {key: value for key, value in self._values(memory).items() if value is not None}
            operation = "create" if name else "index"
            yield memory.key, {"_op_type": operation, "_index": self._index, **name, "_source": source}

    def _values(self, memory: Memory) -> dict[str, Any]:
        values = {name: getattr(memory, name) for name in self._fields}
        if "result" in values:
            values["result"] = plain(memory.result)
        return {**values, KEY: memory.key}

    def _send(self, actions: Sequence[tuple[int, dict[str, Any]]]) -> Mended:
        mended = Mended()
        results = helpers.streaming_bulk(self._client, (one for _, one in actions), raise_on_error=False)
        for (key, action), (done, answer) in zip(actions, results, strict=True):
            operation = action["_op_type"]
            result = answer[operation]
            if not done:
                if result["status"] not in _OVERTAKEN:
                    mended.refused[key] = indices.reason_of(result["error"])
            elif operation == "delete":
                mended.deleted += 1
            elif operation == "update":
                mended.updated += 1
            else:
                mended.written += 1
        return mended


def plain(result: str | None) -> str | None:
    """Return a result as a document has it: what a JSON text says, other JSON as it is written."""
    if result is None:
        return None
    try:
        said = json.loads(result)
    except ValueError:
        return result
    return said if isinstance(said, str) else result


def _same(name: str, stored: Any, one: Document) -> bool:
    found, wanted = one.source.get(name), plain(stored) if name == "result" else stored
    if wanted in (None, "") or found in (None, ""):
        return wanted in (None, "") and found in (None, "")
    if name == "timestamp":
        return str(wanted) in (str(found), one.moment)
    if found == wanted or name != "result":
        return bool(found == wanted)
    # Applications index a result as it is, and store it as JSON.
    return found == stored or _written(found) == _rewritten(stored)


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _rewritten(text: str) -> str | None:
    try:
        return _written(json.loads(text))
    except ValueError:
        return None


def _document(hit: Mapping[str, Any]) -> Document:
    moments = hit.get("fields", {}).get("timestamp") or [None]
    version = {"if_seq_no": hit["_seq_no"], "if_primary_term": hit["_primary_term"]}
    version |= {"routing": hit["_routing"]} if "_routing" in hit else {}
    return Document(int(hit["sort"][0]), hit["_id"], hit["_index"], hit.get("_source") or {}, moments[0], version)


def _delete(one: Document) -> dict[str, Any]:
    return _change("delete", one)


def _change(operation: str, one: Document) -> dict[str, Any]:
    return {"_op_type": operation, "_index": one.index, "_id": one.id, **one.version}

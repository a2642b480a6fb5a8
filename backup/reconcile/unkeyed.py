"""Documents without a key: what existing applications index does not name its vector. Some can be given their row's."""

from collections.abc import Mapping, Sequence
from typing import Any

from elasticsearch import Elasticsearch

from backup.reconcile.model import Memory

Hit = Mapping[str, Any]
_MOST = 20


def count(client: Elasticsearch, index: str, key: str) -> int:
    """Count the documents without a key."""
    return int(client.count(index=index, query=_lacking(key))["count"])


def homes(client: Elasticsearch, index: str, key: str, memories: Sequence[Memory]) -> tuple[dict[int, Hit], set[int]]:
    """Return, by the key of a memory, a document without one that is its own: by identifier, or by all that was written.

    The second are the memories whose key is the identifier of another memory's document.
    """
    named = client.search(
        index=index,
        query={"ids": {"values": [str(one.key) for one in memories]}},
        size=len(memories),
        seq_no_primary_term=True,
    )["hits"]["hits"]
    found = {int(hit["_id"]): hit for hit in named if hit["_source"].get(key) is None}
    taken = {int(hit["_id"]) for hit in named} - set(found)
    rest = [one for one in memories if one.key not in found and one.user_id and one.timestamp is not None]
    if not rest or not count(client, index, key):
        return found, taken
    given = {hit["_id"] for hit in found.values()}
    answers = client.msearch(searches=[part for one in rest for part in ({"index": index}, _search(key, one))])[
        "responses"
    ]
    for memory, answer in zip(rest, answers, strict=True):
        for hit in answer.get("hits", {}).get("hits", ()):
            if hit["_id"] not in given and _is(memory, hit["_source"]):
                given.add(hit["_id"])
                found[memory.key] = hit
                break
    return found, taken


def _lacking(key: str) -> dict[str, Any]:
    return {"bool": {"must_not": [{"exists": {"field": key}}]}}


def _search(key: str, memory: Memory) -> dict[str, Any]:
    moment = {"gte": memory.timestamp, "lte": memory.timestamp, "format": "epoch_second"}
    filters = [_lacking(key), {"term": {"user_id": memory.user_id}}, {"range": {"timestamp": moment}}]
    return {"query": {"bool": {"filter": filters}}, "size": _MOST, "seq_no_primary_term": True}


def _is(memory: Memory, source: Mapping[str, Any]) -> bool:
    """Whether a document was written with this memory: of one tenant, and one session, with the same question."""
    names = ("tenant_id", "session_id", "query")
    return all((getattr(memory, name) or "") == (source.get(name) or "") for name in names)

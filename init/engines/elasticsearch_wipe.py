"""Emptying Elasticsearch: every index and data stream, with their aliases, but not what the server says is its own (`.security`).

Templates, pipelines and users stay.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from elastic_transport import ApiError, TransportError
from elasticsearch import AuthorizationException, Elasticsearch

from init.engines.base import Count, not_wiped
from init.engines.elasticsearch_indices import LEDGER, describe
from init.engines.elasticsearch_script import SERVICE

# Names go into the request's first line, of which the server takes 4096 bytes.
_LINE_BYTES = 3000
# What the server makes of one aggregation at most.
_MOST_INDICES = 65_536
_READABLE = ["open", "hidden"]
# Who has set one of these forbids to delete as well; each is taken away in a request of its own, which is always allowed.
_BLOCKS = ("index.blocks.read_only", "index.blocks.metadata")


def contents(client: Elasticsearch) -> dict[str, Count]:
    """Count documents by data stream, alias or index; of a closed index nobody knows how many, nor of what it is part of."""
    client.indices.refresh(index="*", expand_wildcards=_READABLE)
    by_index = {"indices": {"terms": {"field": "_index", "size": _MOST_INDICES}}}
    answer = client.search(index="*", expand_wildcards=_READABLE, size=0, aggregations=by_index)
    buckets = answer.get("aggregations", {"indices": {"buckets": []}})["indices"]["buckets"]
    documents = {bucket["key"]: bucket["doc_count"] for bucket in buckets}
    counts: dict[str, Count] = {}
    for one in _indices(client):
        if one["name"] != LEDGER:
            name = one.get("data_stream") or next(iter(one.get("aliases", ())), one["name"])
            known = counts.get(name, 0)
            counts[name] = (
                None if known is None or "closed" in one["attributes"] else known + documents.get(one["name"], 0)
            )
    return counts


def wipe(client: Elasticsearch) -> None:
    """Delete the ledger, then all indices, open, closed, hidden or blocked, and data streams; WipeFailed if it cannot be."""
    found = _indices(client)
    streams = sorted({one["data_stream"] for one in found if "data_stream" in one})
    # Without its ledger, what is left is made again by the next migration.
    names = sorted((one["name"] for one in found if "data_stream" not in one), key=lambda name: (name != LEDGER, name))
    try:
        for some in _batches(names):
            _delete(client, some)
        for some in _batches(streams):
            client.indices.delete_data_stream(name=some, expand_wildcards="all")
    except (ApiError, TransportError) as error:
        raise not_wiped(SERVICE, describe(error)) from None


def _delete(client: Elasticsearch, names: Sequence[str]) -> None:
    try:
        client.indices.delete(index=names)
    except AuthorizationException:
        for block in _BLOCKS:
            client.indices.put_settings(index=names, settings={block: None})
        client.indices.delete(index=names)


def _indices(client: Elasticsearch) -> list[dict[str, Any]]:
    """Return all indices that are not the server's own, as it describes them."""
    found = client.indices.resolve_index(name="*", expand_wildcards="all")["indices"]
    return [one for one in found if "system" not in one["attributes"]]


def _batches(names: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for name in names:
        if batch and len(quote(",".join([*batch, name]))) > _LINE_BYTES:
            yield batch
            batch = []
        batch.append(name)
    if batch:
        yield batch

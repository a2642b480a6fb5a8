"""Elasticsearch: documents of every index are found by a word of their own text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from elastic_transport import ApiError, TransportError
from elasticsearch import Elasticsearch

from backup.probes import Tell, failed
from backup.probes.pacing import Paced
from init import transport
from init.engines import elasticsearch_indices as indices
from init.engines.base import required

_ENGINE = "elasticsearch"
_SAMPLE = 20
_REQUEST_SECONDS = 60
_WORD = re.compile(r"\w+")


def probe(connection: Mapping[str, Any], progress: Tell) -> str:
    """Search 20 documents of each index at most, by the name that applications use."""
    client = Elasticsearch(
        required(connection, "url", str),
        basic_auth=(required(connection, "user", str), required(connection, "password", str)),
        request_timeout=_REQUEST_SECONDS,
        retry_on_timeout=True,
        **transport.elasticsearch(connection),
    )
    tell, found = Paced(progress, _ENGINE), 0
    try:
        health = client.cluster.health(wait_for_status="yellow", timeout=f"{_REQUEST_SECONDS // 2}s")
        if health["status"] == "red":
            raise failed(_ENGINE, "there are shards that cannot be read")
        known = indices.read(client, ["*"]).values()
        for index in sorted(known, key=lambda one: one.name):
            found += _probe(client, index)
            tell(f"{found} documents found")
    except (ApiError, TransportError) as error:
        raise failed(_ENGINE, indices.describe(error)) from None
    finally:
        client.close()
    return f"{found} of {found} documents found" if found else "no documents"


def _probe(client: Elasticsearch, index: indices.Index) -> int:
    """Return how many documents of an index were sampled, and all found."""
    # An alias with a filter does not have everything.
    whole = sorted(name for name, facts in index.aliases.items() if "filter" not in facts)
    public = next(iter(whole), index.name)
    client.indices.refresh(index=index.name)
    chosen: dict[str, Any] = {"function_score": {"query": {"match_all": {}}, "random_score": {}}}
    hits = client.search(index=index.name, query=chosen, size=_SAMPLE)["hits"]["hits"]
    if not hits:
        return 0
    texts = list(texts_of(index.mappings.get("properties", {})))
    searches = [
        part for hit in hits for part in ({"index": public}, {"query": _query(hit, texts), "size": 1, "_source": False})
    ]
    for hit, answer in zip(hits, client.msearch(searches=searches)["responses"], strict=True):
        if "error" in answer:
            raise failed(_ENGINE, f"a search in {public}: {indices.reason_of(answer['error'])}")
        if hit["_id"] not in [one["_id"] for one in answer["hits"]["hits"]]:
            raise failed(
                _ENGINE, f"the document {hit['_id']} of {index.name} is not found by its own words in {public}"
            )
    return len(hits)


def texts_of(properties: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the paths of the fields that can be searched by words; what is nested is searched otherwise."""
    for name, definition in sorted(properties.items()):
        if definition.get("type") == "text" and definition.get("index", True):
            yield f"{prefix}{name}"
        if definition.get("type", "object") == "object" and definition.get("enabled", True):
            yield from texts_of(definition.get("properties", {}), f"{prefix}{name}.")


def word_of(source: Mapping[str, Any], fields: Sequence[str]) -> tuple[str, str] | None:
    """Return the longest word of the first field that has one, with the field; a stop word is never long."""
    for field in fields:
        value: Any = source
        for name in field.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        text = value[0] if isinstance(value, list) and value else value
        if isinstance(text, str) and (words := _WORD.findall(text)):
            return field, max(words, key=len)
    return None


def _query(hit: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """Return a search that has to find this document, and can find no other."""
    chosen = word_of(hit.get("_source") or {}, fields)
    itself = {"ids": {"values": [hit["_id"]]}}
    if chosen is None:
        return itself
    field, word = chosen
    # A word of which the field's analyzer leaves nothing is no condition.
    match = {"match": {field: {"query": word, "zero_terms_query": "all"}}}
    return {"bool": {"must": match, "filter": itself}}

"""Every kind of index and of value that an Elasticsearch holds, and what is read of them again."""

from typing import Any

from elasticsearch import Elasticsearch

from init.engines import elasticsearch_wipe

BIG = 123456789012345678901234567890
VALUES = {
    "nested": {"list": [{"a": None}, {"a": [1, [2]]}], "text": "😀 \x01 \u2028"},
    "vector": [0.5, -0.25, 0.1],
    "point": {"lat": 13.75, "lon": 100.5},
    "date": "2026-11-22T10:00:00.123456789+07:00",
    "number": -(2**63),
    "opaque": {"big": BIG, "float": 1e308, "empty": {}},
    "null": None,
}
MAPPINGS = {
    "_meta": {"migration": "001"},
    "properties": {
        "vector": {"type": "dense_vector", "dims": 3, "similarity": "l2_norm"},
        "point": {"type": "geo_point"},
        "date": {"type": "date_nanos"},
        "opaque": {"type": "object", "enabled": False},
    },
}
ONE = {"number_of_shards": 1, "number_of_replicas": 0}


def fill(client: Elasticsearch) -> None:
    client.indices.create(
        index="books_v001",
        settings={"number_of_shards": 2, "number_of_replicas": 1},
        mappings=MAPPINGS,
        aliases={"books": {"is_write_index": True}, "some": {"filter": {"term": {"number": 1}}, "routing": "a"}},
    )
    for number in range(20):
        client.index(index="books", id=f"{number} 😀", document={**VALUES, "number": number})
    client.index(index="books", id="routed", routing="elsewhere", document=VALUES)
    client.indices.create(index="empty", settings=ONE)
    client.indices.create(index="bare", settings=ONE, mappings={"_source": {"enabled": False}})
    client.index(index="bare", id="1", document={"a": 1})
    client.indices.create(index="hidden", settings={**ONE, "hidden": True})
    client.index(index="hidden", id="1", document={"a": 1})
    for name in ("blocked", "unreadable", "shut"):
        client.indices.create(index=name, settings=ONE)
        client.index(index=name, id="1", document={"in": name}, refresh=True)
    client.indices.add_block(index="blocked", block="write")
    client.indices.add_block(index="unreadable", block="read")
    client.indices.close(index="shut")
    client.ingest.put_pipeline(id="stamp", processors=[{"set": {"field": "stamped", "value": True}}])
    client.cluster.put_component_template(name="one-shard", template={"settings": ONE})
    client.indices.put_index_template(name="notes", index_patterns=["notes-*"], composed_of=["one-shard"])
    client.put_script(id="twice", script={"lang": "painless", "source": "params.a * 2"})


def remove(client: Elasticsearch) -> None:
    """Remove every index, and everything else that `fill` makes."""
    elasticsearch_wipe.wipe(client)
    willing = client.options(ignore_status=404)
    willing.indices.delete_index_template(name="notes")
    willing.cluster.delete_component_template(name="one-shard")
    willing.ingest.delete_pipeline(id="stamp")
    willing.delete_script(id="twice")


def states(client: Elasticsearch) -> dict[str, Any]:
    """Return every index as the server describes it, without what differs from one index of a name to the next."""
    found = client.indices.get(index="*,-.*", expand_wildcards="all", flat_settings=True).body
    for facts in found.values():
        for key in ("creation_date", "uuid", "version.created", "history.uuid", "provided_name"):
            facts["settings"].pop(f"index.{key}", None)
        facts["settings"] = {key: value for key, value in facts["settings"].items() if "verified" not in key}
    return dict(found)


def contents(client: Elasticsearch, index: str) -> dict[str, Any]:
    client.indices.refresh(index=index)
    hits = client.search(index=index, size=1000, source={"exclude_vectors": False})["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}

"""Elasticsearch: what the server tells is read rightly: what belongs to a set, how far shards are, whose a template is."""

from typing import Any

import pytest

from backup.engines import elasticsearch_extras as extras
from backup.engines.elasticsearch_pages import _canonical, _hits, _number
from backup.engines.elasticsearch_server import _is_ours, _position, explained


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        ({"name": "books", "attributes": ["open"]}, True),
        ({"name": ".mine", "attributes": ["hidden", "open"]}, True),
        ({"name": ".ds-logs-1", "attributes": ["hidden", "open"], "data_stream": "logs-app"}, True),
        ({"name": ".security-7", "attributes": ["hidden", "open", "system"]}, False),
        ({"name": ".security-8", "attributes": ["hidden", "open"]}, False),
        ({"name": ".tasks", "attributes": ["system"]}, False),
        ({"name": "karen-check-0001", "attributes": ["hidden"]}, False),
        ({"name": "karen-restoring-0001", "attributes": ["hidden"]}, False),
        ({"name": ".ds-ilm-history-7-1", "attributes": ["hidden"], "data_stream": "ilm-history-7"}, False),
        ({"name": ".ds-.logs-1", "attributes": ["hidden"], "data_stream": ".logs-deprecation"}, False),
    ],
)
def test_what_belongs_to_a_set(one: dict[str, Any], expected: bool) -> None:
    assert _is_ours(one) is expected


def shard(seen: int, done: int, *, primary: bool = True) -> dict[str, Any]:
    return {"routing": {"primary": primary}, "seq_no": {"max_seq_no": seen, "local_checkpoint": done}}


def test_a_position_is_of_the_primaries_and_known_only_while_nothing_is_under_way() -> None:
    shards = {"1": [shard(7, 7), shard(6, 5, primary=False)], "0": [shard(-1, -1)]}
    assert _position({"uuid": "u", "shards": shards}) == ("u", (("0", -1), ("1", 7)))
    assert _position({"uuid": "u", "shards": {"0": [shard(7, 6)]}}) is None


def test_a_full_disk_is_told_as_such() -> None:
    assert explained("IOException[No space left on device]", "SnapshotFailed").kind == "DiskFull"
    assert explained("disk usage exceeded flood-stage watermark").kind == "DiskFull"
    assert explained("something else", "SnapshotFailed").kind == "SnapshotFailed"


def test_what_elasticsearch_manages_is_left_out_wherever_it_says_so() -> None:
    assert extras._managed({"_meta": {"managed": True}})
    assert extras._managed({"policy": {"_meta": {"managed": True}}})
    assert not extras._managed({"_meta": {"owner": "karen"}})
    assert not extras._managed({})


def number(body: str) -> int:
    hit = _hits(f'{{"hits": {{"hits": [{{"_id": "1", "_source": {body}}}]}}}}'.encode())[0]
    return _number(_canonical(hit, hit["_source"]))


def test_a_document_s_number_is_of_its_values_and_not_of_how_they_are_written() -> None:
    assert number('{"a": 1, "b": [1.0, null]}') == number('{ "b":[1.0,null],\n"a":1 }')
    assert number('{"a": 1}') != number('{"a": "1"}')
    assert number('{"a": 123456789012345678901234567890}') != number('{"a": 123456789012345678901234567891}')
    assert number('{"a": null}') != number("{}")
    assert number(f'{{"a": {"9" * 5000}}}') != number(f'{{"a": {"9" * 4999}8}}')

"""Elasticsearch's migration files: what is wrong with one is said before anything is done."""

import json
from typing import Any

import pytest

from init.engines.elasticsearch_copy import alike
from init.engines.elasticsearch_script import parse
from init.migrations import Script
from init.protocol import Failure

GOOD = {"index": "notes_v002", "alias": "notes", "settings": {}, "mappings": {}}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "nothing to do"),
        ({"index": []}, r"index is not known; allowed: indices, remove, timeout"),
        ({"indices": {}}, "indices is {}; allowed: a list"),
        ({"indices": ["notes"]}, "indices, number 1 is 'notes'; allowed: an object with index, alias"),
        ({"indices": [GOOD, {**GOOD, "replace": "x"}]}, "number 2: replace is not known; allowed: index, .* replaces"),
        ({"indices": [{"index": "notes"}]}, "alias is missing; allowed: a text"),
        ({"indices": [{**GOOD, "settings": 1}]}, "settings is 1; allowed: an object"),
        ({"indices": [{**GOOD, "index": "notes_*"}]}, r"index is 'notes_\*'; allowed: one name"),
        ({"indices": [{**GOOD, "script": "x"}]}, "script without replaces"),
        ({"indices": [{**GOOD, "mappings": {"_meta": {}}}]}, "mappings hold _meta"),
        ({"indices": [{**GOOD, "replaces": "notes_v002"}]}, "notes_v002 is named twice"),
        ({"indices": [GOOD], "remove": ["notes_v002"]}, "notes_v002 is named twice"),
        ({"remove": "notes"}, "remove is 'notes'; allowed: a list"),
        ({"remove": ["*"]}, r"remove is '\*'; allowed: one name"),
    ],
)
def test_a_file_that_is_wrong_names_the_key_and_what_is_allowed(content: dict[str, Any], reason: str) -> None:
    with pytest.raises(Failure, match=reason) as caught:
        parse(Script("002_notes.json", json.dumps(content)))
    assert caught.value.kind == "MigrationFailed"
    assert caught.value.fix == "correct init/data/elasticsearch/002_notes.json"


def test_another_suffix_is_refused() -> None:
    with pytest.raises(Failure, match=r"a \.sql migration; allowed: \.json"):
        parse(Script("002_notes.sql", "select 1"))


def test_only_the_numbers_of_a_vector_may_differ_and_only_in_their_last_bits() -> None:
    old, new = {"v": [0.10000001, 2.0], "n": 0.10000001}, {"v": [0.10000002, 2.0], "n": 0.10000001}
    assert alike(old, new, {"v"})
    assert alike({"all": [old]}, {"all": [new]}, {"all.v"})
    assert not alike(old, new, {"n"})
    assert not alike(old, {**new, "n": 0.10000002}, {"v"})
    assert not alike(old, {**new, "v": [0.1001, 2.0]}, {"v"})
    assert not alike(old, {**new, "v": [0.10000002]}, {"v"})
    assert not alike(old, {**new, "more": None}, {"v"})

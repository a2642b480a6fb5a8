"""How recall is counted, and which words a document is searched by."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from backup.probes import NAMES, probe
from backup.probes.elasticsearch import texts_of, word_of
from backup.probes.recall import LIMIT, Metric, exact, itself
from init.protocol import Failure

VECTORS = np.random.default_rng(1).standard_normal((200, 16)).astype(np.float32)
KEYS = [f"key {number}" for number in range(200)]
CHOSEN = np.array([0, 100, 199])


def nearest(metric: str, number: int, *, worst: bool = False) -> list[int]:
    """Return the rows a full search has to find, computed in another way than the probe's."""
    one, all_ = VECTORS[number].astype(float), VECTORS.astype(float)
    measures: dict[str, Any] = {
        "L2": -np.linalg.norm(all_ - one, axis=1),
        "IP": (all_ * one).sum(axis=1),
        "COSINE": (all_ * one).sum(axis=1) / np.linalg.norm(all_, axis=1) / np.linalg.norm(one),
    }
    order = np.argsort(measures[metric] if worst else -measures[metric])
    return [int(row) for row in order[:LIMIT]]


def recall(metric: str, found: Sequence[Sequence[int]]) -> float:
    return exact(Metric.of(metric), VECTORS, KEYS, CHOSEN, [[KEYS[row] for row in one] for one in found])


@pytest.mark.parametrize("metric", ["L2", "IP", "COSINE"])
def test_a_perfect_answer_has_recall_1_and_the_furthest_has_none(metric: str) -> None:
    assert recall(metric, [nearest(metric, int(row)) for row in CHOSEN]) == 1.0
    assert recall(metric, [nearest(metric, int(row), worst=True) for row in CHOSEN]) == 0.0


def test_what_is_missing_or_unknown_or_twice_does_not_count() -> None:
    right = [nearest("L2", int(row)) for row in CHOSEN]
    assert recall("L2", [right[0][:4], right[1], []]) == pytest.approx(14 / 30)
    assert recall("L2", [[right[0][0]] * LIMIT, right[1], right[2]]) == pytest.approx(21 / 30)
    assert exact(Metric.of("L2"), VECTORS, KEYS, CHOSEN, [["unknown"] * LIMIT] * 3) == 0.0


def test_of_vectors_that_are_equal_any_will_do() -> None:
    same = np.ones((30, 4), dtype=np.float32)
    keys = list(range(30))
    found = [[keys[-number] for number in range(1, LIMIT + 1)]]
    assert exact(Metric.of("IP"), same, keys, np.array([0]), found) == 1.0
    assert itself(Metric.of("IP"), same, keys, np.array([0]), [[(key, 4.0) for key in found[0]]]) == 1.0


def test_few_vectors_are_all_found() -> None:
    assert exact(Metric.of("L2"), VECTORS[:3], KEYS[:3], np.array([0]), [KEYS[:3]]) == 1.0


def test_a_vector_finds_itself_or_what_is_as_near() -> None:
    metric, chosen = Metric.of("L2"), np.array([0, 1])
    assert itself(metric, VECTORS, KEYS, chosen, [[("key 0", 0.0)], [("key 7", 3.0)]]) == 0.5
    assert itself(metric, VECTORS, KEYS, chosen, [[], [("another", 0.0)]]) == 0.5


def test_fields_with_words_are_found_at_any_depth() -> None:
    properties = {
        "title": {"type": "text"},
        "hidden": {"type": "text", "index": False},
        "number": {"type": "long"},
        "author": {"properties": {"name": {"type": "text"}}},
        "parts": {"type": "nested", "properties": {"text": {"type": "text"}}},
        "raw": {"type": "object", "enabled": False, "properties": {"text": {"type": "text"}}},
    }
    assert list(texts_of(properties)) == ["author.name", "title"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"title": "of a considerable length"}, ("title", "considerable")),
        ({"author": {"name": "Ünal"}, "title": "other"}, ("author.name", "Ünal")),
        ({"author": {"name": ["Ann Lee", "Bob"]}}, ("author.name", "Ann")),
        ({"author": "no object", "title": "… !"}, None),
        ({"author": {"name": None}, "title": 5}, None),
        ({}, None),
    ],
)
def test_the_longest_word_is_taken(source: dict[str, Any], expected: tuple[str, str] | None) -> None:
    assert word_of(source, ["author.name", "title"]) == expected


def test_an_engine_without_a_connection_is_refused_by_name() -> None:
    with pytest.raises(Failure) as caught:
        probe({"redis": {}}, ["redis", "milvus", "unknown"], print)
    assert caught.value.message == "names has milvus, unknown; allowed: redis"
    assert "redis" in NAMES

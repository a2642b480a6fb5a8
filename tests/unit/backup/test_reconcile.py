"""What differs between rows and what another engine holds, found by key in the order of the key."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from backup.reconcile.differences import Differences, compare
from backup.reconcile.documents import plain
from backup.reconcile.memories import vector_of
from backup.reconcile.model import Memory, Mended
from backup.reconcile.rounds import reconcile
from init.protocol import Failure


def memory(key: int, text: str = "text") -> Memory:
    return Memory(key, "tenant", "user", "session", text, "{}", 1)


def compared(rows: Mapping[int, str], held: list[tuple[int, str]]) -> Differences:
    memories: Iterator[Memory] = iter([memory(key, text) for key, text in sorted(rows.items())])
    return compare(memories, iter(sorted(held)), lambda one, text: one.query == text)


def kinds(found: Differences) -> tuple[list[int], list[int], list[int]]:
    return list(found.keys["missing"]), list(found.keys["stale"]), list(found.keys["orphaned"])


@pytest.mark.parametrize(
    ("rows", "held", "expected"),
    [
        ({}, [], ([], [], [])),
        ({1: "a"}, [], ([1], [], [])),
        ({}, [(1, "a")], ([], [], [1])),
        ({1: "a"}, [(1, "b")], ([], [1], [])),
        ({-(1 << 63): "a", (1 << 63) - 1: "b"}, [((1 << 63) - 1, "b")], ([-(1 << 63)], [], [])),
        ({1: "a", 3: "c"}, [(0, "x"), (2, "b"), (4, "d")], ([1, 3], [], [0, 2, 4])),
        ({1: "a", 2: "b"}, [(1, "a"), (1, "a"), (1, "b"), (2, "b")], ([], [], [1, 1])),
    ],
)
def test_every_key_is_of_one_kind(
    rows: dict[int, str], held: list[tuple[int, str]], expected: tuple[list[int], list[int], list[int]]
) -> None:
    found = compared(rows, held)
    assert kinds(found) == expected
    assert (found.rows, found.held) == (len(rows), len(held))


@pytest.mark.parametrize("seed", range(50))
def test_the_differences_are_those_of_sets(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    rows = {key: chance.choice("ab") for key in chance.sample(range(60), chance.randrange(40))}
    held = {key: chance.choice("ab") for key in chance.sample(range(60), chance.randrange(40))}
    both = sorted(set(rows) & set(held))
    assert kinds(compared(rows, list(held.items()))) == (
        sorted(set(rows) - set(held)),
        [key for key in both if rows[key] != held[key]],
        sorted(set(held) - set(rows)),
    )


def test_what_was_refused_twice_has_its_later_reason() -> None:
    both = Mended(1, 2, 3, {1: "first", 2: "other"}) + Mended(1, 1, 1, {1: "second"})
    assert both == Mended(2, 3, 4, {1: "second", 2: "other"})


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (None, None),
        ('"said"', "said"),
        ('{"a": 1}', '{"a": 1}'),
        ("not JSON", "not JSON"),
        ("12", "12"),
        ('"\\u00fc"', "ü"),
        ("", ""),
    ],
)
def test_a_document_has_what_a_result_says(stored: str | None, said: str | None) -> None:
    assert plain(stored) == said


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("{0.5,-1e-3}", [0.5, -0.001]),
        ("[1, 2]", [1.0, 2.0]),
        ("{NaN,1}", []),
        ("[1e400]", []),
        ("{}", []),
        ('{"a": 1}', []),
        ("nothing", []),
        ("7", []),
        ("[null]", []),
    ],
)
def test_a_vector_is_numbers_or_nothing(text: str, numbers: list[float]) -> None:
    assert vector_of(text) == numbers


def test_there_has_to_be_somebody_to_compare_with() -> None:
    connections: dict[str, Any] = {"postgres": {}}
    with pytest.raises(Failure) as caught:
        reconcile(connections, dry_run=True, progress=print)
    assert caught.value.message == "engines has none of elasticsearch, milvus"

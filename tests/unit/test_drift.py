"""What counts as drift: dropped, changed, or added to our own; and that no later run takes it for right."""

import pytest

from init.runner.drift import advanced, differences

SCHEMA = {
    "table memory": "p",
    "column memory.query": "text",
    "column memory.result": "text",
    "index memory.memory_query_idx": "CREATE INDEX memory_query_idx ON memory (query)",
    "sequence numbers": "bigint start 1",
}


def without(*names: str) -> dict[str, str]:
    return {name: text for name, text in SCHEMA.items() if name not in names}


def test_the_same_schema_has_no_difference_in_any_order() -> None:
    assert differences(SCHEMA, dict(reversed(SCHEMA.items()))) == []
    assert differences({}, {}) == []


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (without("column memory.query"), "column memory.query was dropped: it was text"),
        (without("sequence numbers"), "sequence numbers was dropped: it was bigint start 1"),
        (
            SCHEMA | {"column memory.query": "varchar(9)"},
            "column memory.query was changed: it was text, it is varchar(9)",
        ),
        (SCHEMA | {"table memory": "u"}, "table memory was changed: it was p, it is u"),
        (SCHEMA | {"column memory.stray": "int"}, "column memory.stray was added: it is int"),
    ],
)
def test_each_difference_is_one_sentence(found: dict[str, str], sentence: str) -> None:
    assert differences(SCHEMA, found) == [sentence]


def test_what_belongs_to_a_dropped_table_is_not_named_as_well() -> None:
    assert differences(SCHEMA, {"sequence numbers": "bigint start 1"}) == ["table memory was dropped: it was p"]


def test_what_belongs_to_nothing_of_ours_is_nobody_s_concern() -> None:
    others = {"table stranger": "p", "column stranger.id": "int", "index stranger.i": "x", "view v": "SELECT 1"}
    assert differences(SCHEMA, SCHEMA | others) == []


def test_a_name_that_begins_like_another_is_not_taken_for_it() -> None:
    others = {"table memory_old": "p", "column memory_old.query": "text"}
    assert differences(SCHEMA, SCHEMA | others) == []
    assert differences(SCHEMA | others, SCHEMA) == ["table memory_old was dropped: it was p"]


def test_a_part_without_a_listed_owner_is_named_itself() -> None:
    assert differences({"alias old.name": "a"}, {}) == ["alias old.name was dropped: it was a"]


def test_a_long_definition_is_cut() -> None:
    (sentence,) = differences({"view v": "x" * 500}, {"view v": "y" * 121})
    assert sentence == f"view v was changed: it was {'x' * 120}…, it is {'y' * 120}…"


def test_several_differences_come_in_a_steady_order() -> None:
    found = without("column memory.result", "sequence numbers") | {"column memory.b": "int", "column memory.a": "int"}
    assert differences(SCHEMA, found) == [
        "column memory.result was dropped: it was text",
        "sequence numbers was dropped: it was bigint start 1",
        "column memory.a was added: it is int",
        "column memory.b was added: it is int",
    ]


def test_a_run_moves_the_expectation_by_its_own_changes() -> None:
    after = without("index memory.memory_query_idx") | {"table new": "p", "column memory.query": "varchar"}
    assert advanced(SCHEMA, SCHEMA, after) == after


def test_a_run_does_not_bless_what_was_changed_before_it() -> None:
    by_hand = without("sequence numbers") | {"column memory.query": "varchar", "column memory.stray": "int"}
    after = by_hand | {"table new": "p"}
    expected = advanced(SCHEMA, by_hand, after)
    assert expected == SCHEMA | {"table new": "p"}
    assert differences(expected, after) == differences(SCHEMA, by_hand)


def test_a_run_that_puts_a_change_right_ends_the_difference() -> None:
    expected = advanced(SCHEMA, without("sequence numbers"), SCHEMA)
    assert differences(expected, SCHEMA) == []


def test_a_run_that_drops_what_was_changed_by_hand_ends_the_difference() -> None:
    by_hand = SCHEMA | {"sequence numbers": "bigint start 7"}
    after = without("sequence numbers")
    assert differences(advanced(SCHEMA, by_hand, after), after) == []

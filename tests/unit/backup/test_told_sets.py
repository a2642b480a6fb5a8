"""Which set is enough before everything is removed."""

from typing import Any

import pytest

from ops.cli.services.covered import covering

NOW = 1_000_000.0


def made(minutes: float, **facts: Any) -> dict[str, Any]:
    """Return a set of two engines that was begun so long ago, as a listing has it."""
    engines = {"postgres": True, "redis": True}
    return {"id": f"{minutes}", "good": True, "began": NOW - 60 * minutes, "engines": engines, **facts}


@pytest.mark.parametrize(
    ("sets", "covered"),
    [
        ([], None),
        ([made(59)], "59"),
        ([made(10), made(5), made(20)], "5"),
        ([made(60)], None),
        ([made(5, good=False), made(30)], "30"),
        # It was asked for some engines only, or lacks one.
        ([made(5, engines={"redis": True})], None),
        ([made(5, engines={"postgres": False, "redis": True})], None),
        # What cannot be believed tells nothing of itself.
        ([{"id": "x", "good": False, "error": "not signed"}], None),
    ],
)
def test_everything_must_be_in_a_good_set_of_the_last_hour(sets: list[dict[str, Any]], covered: str | None) -> None:
    assert covering(sets, ["postgres", "redis"], NOW) == covered


def test_what_the_stack_does_not_have_need_not_be_in_it() -> None:
    assert covering([made(5, engines={"postgres": True, "redis": False})], ["postgres"], NOW) == "5"

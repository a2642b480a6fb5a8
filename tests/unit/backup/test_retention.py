"""Which sets stay: examples to read, and rules that hold for whatever there is."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.retention import Aged, Keep, plan

START = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
numbers = st.integers(0, 5)
keeps = (
    st.tuples(*[numbers] * 6)
    .filter(any)
    .map(
        lambda values: Keep(
            **dict(zip(("last", "hourly", "daily", "weekly", "monthly", "yearly"), values, strict=True))
        )
    )
)
collections = st.lists(st.tuples(st.integers(0, 3 * 365 * 24 * 3600), st.booleans()), max_size=40).map(
    lambda drawn: [Aged(id=f"set-{at:02}", time=START - age, good=good) for at, (age, good) in enumerate(drawn)]
)


def every(hours: int, count: int) -> list[Aged]:
    return [Aged(id=f"{at:04}", time=START - at * hours * 3600, good=True) for at in range(count)]


def test_a_year_of_days_leaves_a_pyramid() -> None:
    decided = plan(every(24, 400), Keep(last=2, daily=7, weekly=4, monthly=12))
    assert list(decided.kept)[:7] == [f"{at:04}" for at in range(7)]
    assert decided.kept["0000"] == (
        *("newest good set", "last 1 of 2", "daily 2026-11-22", "weekly 2026-W47", "monthly 2026-11"),
    )
    months = [reason for reasons in decided.kept.values() for reason in reasons if reason.startswith("monthly")]
    assert (len(months), months[-1], len(decided.kept)) == (12, "monthly 2025-12", 21)


def test_pruning_day_by_day_leaves_the_last_of_each_week() -> None:
    keep, there = Keep(daily=3, weekly=3), list[Aged]()
    # START is a Sunday; day 59 is a Wednesday.
    for day in range(60):
        there.append(Aged(id=f"{day}", time=START + day * 86400, good=True))
        kept = plan(there, keep).kept
        there = [one for one in there if one.id in kept]
    assert [int(one.id) for one in there] == [49, 56, 57, 58, 59]


def test_incomplete_ones_take_nobodys_place_and_go_once_there_is_a_newer_good_one() -> None:
    sets = [
        Aged(id=name, time=START - at, good=name.startswith("g")) for at, name in enumerate(("i1", "g1", "i2", "g2"))
    ]
    decided = plan(sets, Keep(last=2))
    assert decided.kept == {
        "i1": ("no newer good set",),
        "g1": ("newest good set", "last 1 of 2"),
        "g2": ("last 2 of 2",),
    }
    assert decided.removed == ("i2",)
    only = [one for one in sets if not one.good]
    assert plan(only, Keep(last=1)).removed == ()


@given(collections, keeps)
def test_the_newest_good_set_always_stays(sets: list[Aged], keep: Keep) -> None:
    good = [one for one in sets if one.good]
    if good:
        assert max(good, key=lambda one: (one.time, one.id)).id in plan(sets, keep).kept


@given(collections, keeps)
def test_every_set_stays_or_goes_and_none_without_a_reason(sets: list[Aged], keep: Keep) -> None:
    decided = plan(sets, keep)
    assert sorted([*decided.kept, *decided.removed]) == sorted(one.id for one in sets)
    assert all(decided.kept.values())


@given(collections, keeps)
def test_incomplete_sets_change_nothing_for_good_ones(sets: list[Aged], keep: Keep) -> None:
    good = [one for one in sets if one.good]
    alone, together = plan(good, keep).kept, plan(sets, keep).kept
    assert alone == {key: reasons for key, reasons in together.items() if key in {one.id for one in good}}


@given(collections, keeps)
def test_an_incomplete_set_goes_only_when_a_newer_good_one_stays(sets: list[Aged], keep: Keep) -> None:
    decided = plan(sets, keep)
    kept_good = [one.time for one in sets if one.good and one.id in decided.kept]
    for one in sets:
        if not one.good and one.id in decided.removed:
            assert any(time >= one.time for time in kept_good)


@given(collections, keeps)
def test_there_is_never_more_than_asked_for_and_the_newest_of_each_period(sets: list[Aged], keep: Keep) -> None:
    decided = plan(sets, keep)
    for name in ("last", "hourly", "daily", "weekly", "monthly", "yearly"):
        reasons = [one for found in decided.kept.values() for one in found if one.startswith(f"{name} ")]
        assert len(reasons) == len(set(reasons)) <= getattr(keep, name)


@given(collections, keeps)
def test_pruning_again_removes_nothing(sets: list[Aged], keep: Keep) -> None:
    decided = plan(sets, keep)
    assert plan([one for one in sets if one.id in decided.kept], keep).removed == ()


@given(collections, keeps)
def test_the_order_in_which_they_are_listed_does_not_matter(sets: list[Aged], keep: Keep) -> None:
    assert plan(sets, keep) == plan(sets[::-1], keep)


@pytest.mark.parametrize("values", [{}, {"daily": -1}, {"daily": True}, {"daily": 1.5}, {"last": 0, "yearly": 0}])
def test_numbers_that_keep_nothing_or_are_none_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"^retention: "):
        Keep(**values)


def test_weeks_are_isos_and_days_are_utcs() -> None:
    moment = datetime(2027, 1, 1, 0, 30, tzinfo=UTC) - timedelta(hours=1)
    decided = plan([Aged(id="a", time=moment.timestamp(), good=True)], Keep(daily=1, weekly=1, yearly=1))
    assert decided.kept["a"][1:] == ("daily 2026-12-31", "weekly 2026-W53", "yearly 2026")


def test_a_set_that_was_made_for_a_log_that_began_anew_takes_no_place_of_the_last_ones() -> None:
    sets = [Aged(id=str(number), time=number * 3600.0, good=True, extra=number in (3, 4)) for number in range(1, 6)]
    decided = plan(sets, Keep(last=2))
    assert list(decided.kept) == ["5", "2"]
    assert decided.removed == ("4", "3", "1")

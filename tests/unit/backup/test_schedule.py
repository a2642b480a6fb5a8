"""Cron expressions in UTC: the next run, and those that were missed."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.schedule import MOST, missed, next_run, validated

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
expressions = st.sampled_from(["*/5 * * * *", "30 2 * * *", "0 */6 * * 1-5", "15 3 1 * *", "0 12 * * 0"])


def at(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


def test_the_next_run_is_after_the_moment_whatever_the_machines_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    assert next_run("30 2 * * *", NOON) == at("2026-11-23T02:30")
    assert next_run("0 12 * * *", NOON) == at("2026-11-23T12:00")
    assert next_run("0 12 * * *", NOON - 0.5) == NOON


def test_missed_runs_are_those_since_the_last() -> None:
    assert missed("0 * * * *", at("2026-11-22T09:00"), NOON) == tuple(
        at(f"2026-11-22T{hour}:00") for hour in (10, 11, 12)
    )
    assert missed("0 * * * *", NOON, NOON + 3599) == ()
    assert missed("0 * * * *", NOON, NOON + 3600.5) == (NOON + 3600,)
    assert missed("0 * * * *", NOON + 10, NOON) == ()


def test_of_very_many_the_newest_are_told() -> None:
    found = missed("* * * * *", NOON - 365 * 86400, NOON)
    assert (len(found), found[-1], found[0]) == (MOST, NOON, NOON - (MOST - 1) * 60)


@given(expressions, st.floats(0, 200 * 86400), st.floats(0, 3 * 86400))
def test_going_forward_from_the_last_finds_the_same_runs(expression: str, start: float, length: float) -> None:
    last, now = NOON + start, NOON + start + length
    found, moment = [], last
    while (moment := next_run(expression, moment)) <= now:
        found.append(moment)
    assert missed(expression, last, now) == tuple(found)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("0 * * * * *", "6 fields"),
        ("@daily", "1 fields"),
        ("61 * * * *", "Bad minute"),
        ("* 24 * * *", "Bad hour"),
        ("x * * * *", "Bad minute"),
        ("0 0 31 2 *", "Bad day-of-month|never comes"),
    ],
)
def test_what_is_no_schedule_is_refused(expression: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        validated(expression)
    assert repr(expression) in str(caught.value)


def test_spaces_do_not_matter() -> None:
    assert validated(" 30  2 * * 1-5 ") == "30 2 * * 1-5"

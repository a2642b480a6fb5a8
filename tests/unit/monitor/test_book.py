"""One notice when a condition begins, one when it is over, few in between, whatever happens meanwhile."""

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts.book import Book
from monitor.alerts.model import Condition, Notice
from tests.unit.monitor.notices import BEGIN, DOWN, condition

SETTLE, REPEAT = timedelta(seconds=60), timedelta(minutes=30)
RANK = {"warning": 1, "critical": 2}
# Seconds between looks: some below, some at, some above each limit.
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 20, 59, 60, 61, 600, 1799, 1800]),
        st.dictionaries(st.sampled_from(["down/redis", "disk/redis"]), st.sampled_from(["warning", "critical"])),
    ),
    max_size=40,
)
Step = tuple[int, dict[str, str]]


def new() -> Book:
    return Book("dev", repeat=REPEAT, settle=SETTLE)


def again(book: Book) -> Book:
    """Return the book as a restarted process has it."""
    return Book.parse(json.loads(json.dumps(book.document())), "dev", repeat=REPEAT, settle=SETTLE)


def conditions(present: dict[str, str]) -> list[Condition]:
    return [condition(key=key, severity=severity) for key, severity in present.items()]


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def told(notices: list[Notice]) -> list[tuple[str, str]]:
    return [(one.state, one.condition.severity) for one in notices]


@given(STEPS)
def test_notices_of_a_key_alternate_and_none_is_missing(steps: list[Step]) -> None:
    book, now = new(), BEGIN
    last: dict[str, Notice] = {}
    away: dict[str, datetime] = {}
    for seconds, present in steps:
        now += timedelta(seconds=seconds)
        notices = {one.condition.key: one for one in book.update(conditions(present), now)}
        for key in ("down/redis", "disk/redis"):
            notice, before = notices.get(key), last.get(key)
            is_open = before is not None and before.state == "firing"
            if key in present:
                away.pop(key, None)
                if not is_open:
                    assert notice is not None
                    assert (notice.state, notice.since, notice.at) == ("firing", now, now)
                elif notice is not None:
                    assert before is not None
                    worse = RANK[notice.condition.severity] > RANK[before.condition.severity]
                    calmed = notice.condition.severity == "critical" and now - before.at >= SETTLE
                    assert (notice.state, notice.since) == ("firing", before.since)
                    assert worse or calmed or now - before.at >= REPEAT
                else:
                    assert before is not None
                    assert now - before.at < REPEAT
                    assert RANK[present[key]] <= RANK[before.condition.severity] or now - before.at >= SETTLE
            else:
                since = away.setdefault(key, now)
                over = is_open and now - since >= SETTLE
                assert (notice is not None) == over
                if notice is not None:
                    assert (notice.state, notice.at) == ("resolved", since)
            if notice is not None:
                last[key] = notice


@given(STEPS, st.lists(st.booleans(), min_size=40, max_size=40))
def test_a_restart_at_any_moment_changes_nothing(steps: list[Step], restarts: list[bool]) -> None:
    one, other, now = new(), new(), BEGIN
    for (seconds, present), restart in zip(steps, restarts, strict=False):
        now += timedelta(seconds=seconds)
        other = again(other) if restart else other
        assert one.update(conditions(present), now) == other.update(conditions(present), now)
        event = condition(key=f"restarted/{len(present)}")
        assert one.event(event, now) == other.event(event, now)
        assert one.open() == other.open()
        assert one.document() == other.document()


def test_what_stays_is_told_once_and_again_after_a_day() -> None:
    book = Book("dev")
    found = [told(book.update([DOWN], at(hour * 3600))) for hour in range(50)]
    assert [hour for hour, notices in enumerate(found) if notices] == [0, 24, 48]


def test_flapping_is_told_once_and_ends_when_it_stayed_away() -> None:
    book = Book("dev")
    notices = [one for second in range(0, 600, 5) for one in book.update([DOWN] * (second % 10 == 0), at(second))]
    assert told(notices) == [("firing", "critical")]
    assert book.update([], at(650)) == []
    (resolved,) = book.update([], at(655))
    assert (resolved.state, resolved.since, resolved.at) == ("resolved", at(0), at(595))
    assert book.update([], at(5000)) == []
    assert told(book.update([DOWN], at(5001))) == [("firing", "critical")]


def test_worse_is_told_milder_is_not_and_worse_again_only_when_milder_had_settled() -> None:
    book, found = new(), {}
    severities = {0: "warning", 5: "critical", 10: "warning", 65: "critical", 70: "warning", 75: "critical"}
    for second, severity in {**severities, 80: "warning", 140: "warning", 145: "critical"}.items():
        found[second] = told(book.update([condition(severity=severity)], at(second)))
        book = again(book)
    assert {second: notices for second, notices in found.items() if notices} == {
        0: [("firing", "warning")],
        5: [("firing", "critical")],
        145: [("firing", "critical")],
    }


def test_of_one_key_the_worst_counts_and_is_told_first() -> None:
    other = condition(key="disk/redis", severity="warning")
    notices = Book("dev").update([other, condition(severity="warning"), DOWN], BEGIN)
    assert [one.condition for one in notices] == [DOWN, other]


def test_a_changed_summary_is_no_news_but_is_what_ends() -> None:
    book = Book("dev", settle=timedelta(0))
    book.update([DOWN], at(0))
    assert book.update([condition(summary="it refuses logins")], at(5)) == []
    assert [one.condition.summary for one in book.open()] == ["it refuses logins"]
    (resolved,) = book.update([], at(10))
    assert resolved.condition.summary == "it refuses logins"
    assert book.open() == []


def test_an_event_is_told_once_in_ten_minutes_and_is_never_open() -> None:
    book = Book("dev")
    first = book.event(DOWN, at(0))
    assert first == Notice("dev", DOWN, "event", at(0), at(0))
    assert book.event(DOWN, at(599)) is None
    assert book.event(condition(key="other"), at(599)) is not None
    assert book.event(DOWN, at(600)) is not None
    assert book.open() == []


def test_a_clock_that_was_set_back_makes_nothing_wait() -> None:
    book = Book("dev")
    book.update([DOWN], at(90_000))
    book.update([], at(90_010))
    assert book.update([], at(0)) == []
    assert told(book.update([], at(60))) == [("resolved", "critical")]
    book.update([DOWN], at(90_000))
    assert book.update([DOWN], at(0)) == []
    assert told(book.update([DOWN], at(86_400))) == [("firing", "critical")]
    assert book.event(DOWN, at(90_000)) is not None
    assert book.event(DOWN, at(0)) is not None
    book.update([condition(severity="warning")], at(90_000))
    book.update([condition(severity="warning")], at(86_401))
    book.update([condition(severity="warning")], at(86_461))
    assert told(book.update([DOWN], at(86_462))) == [("firing", "critical")]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"open": [], "events": None},
        {"open": 5, "events": {}},
        {"open": [{}], "events": {}},
        {"open": [], "events": {"a": "soon"}},
        {"open": [{"condition": DOWN.document(), "since": "x", "told": "critical", "told_at": "x"}], "events": {}},
    ],
)
def test_a_broken_document_is_an_empty_book(document: object) -> None:
    book = Book.parse(document, "dev")
    assert book.document() == {"open": [], "events": {}}
    assert told(book.update([DOWN], BEGIN)) == [("firing", "critical")]

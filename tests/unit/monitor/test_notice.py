"""What people read, and what is written of a notice."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts.model import Condition, Notice, span
from tests.unit.monitor.notices import notice

CONDITIONS = st.builds(
    Condition,
    key=st.text(),
    severity=st.sampled_from(["warning", "critical"]),
    service=st.none() | st.text(),
    summary=st.text(),
    fix=st.text(),
)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30)), timezone(timedelta(hours=14))])
TIMES = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2999, 1, 1), timezones=ZONES)  # noqa: DTZ001
NOTICES = st.builds(
    Notice,
    stack=st.text(),
    condition=CONDITIONS,
    state=st.sampled_from(["firing", "resolved", "event"]),
    since=TIMES,
    at=TIMES,
)


@given(NOTICES)
def test_a_notice_is_the_same_after_it_was_written_and_is_told_in_one_line(one: Notice) -> None:
    assert Notice.parse(json.loads(json.dumps(one.document()))) == one
    assert len(one.text().splitlines()) == 1


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (notice(), "[stack dev] CRITICAL postgres: it does not answer. Fix: ./karen logs postgres"),
        (
            notice(after=7500),
            "[stack dev] CRITICAL postgres for 2 h 5 min: it does not answer. Fix: ./karen logs postgres",
        ),
        (notice("resolved", after=190), "[stack dev] RESOLVED after 3 min: postgres: it does not answer"),
        (notice("resolved", after=-5), "[stack dev] RESOLVED after 0 s: postgres: it does not answer"),
        (
            notice(severity="warning", service=None, summary="a\nb:  c.", fix="look"),
            "[stack dev] WARNING: a b: c. Fix: look",
        ),
        (notice("resolved", after=86400, service=None), "[stack dev] RESOLVED after 1 d: it does not answer"),
        (notice("event", service=None, summary="it hung", fix=""), "[stack dev] EVENT: it hung"),
    ],
)
def test_people_read_what_is_wrong_where_and_what_mends_it(told: Notice, text: str) -> None:
    assert told.text() == text


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (86399, "23 h 59 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_a_span_has_units_that_people_use(seconds: int, told: str) -> None:
    assert span(seconds) == told


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": "fatal"},
        {"state": "open"},
        {"service": 5},
        {"summary": None},
        {"since": "yesterday"},
        {"since": "2026-03-01T12:00:00"},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"at": 5},
    ],
)
def test_what_is_no_notice_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        Notice.parse({**notice().document(), **changes})


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="a list is no JSON object"):
        Notice.parse([])

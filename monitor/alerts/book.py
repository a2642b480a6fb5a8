"""Which conditions are open, and which notices follow: one when it begins, one when it is over, few in between.

Pure: whoever calls brings the time. What looks at a stack every few seconds would otherwise tell the same every few seconds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from monitor.alerts import fields
from monitor.alerts.model import Condition, Notice, Severity

REPEAT = timedelta(hours=24)
SETTLE = timedelta(seconds=60)
# An event of the same key is told once in this time.
_EVENT_REST = timedelta(minutes=10)
_RANK: Mapping[Severity, int] = {"warning": 1, "critical": 2}


@dataclass
class _Open:
    """A condition that was told of. `told` is the severity then; `gone` and `calmer` are since when it is away, or milder."""

    condition: Condition
    since: datetime
    told: Severity
    told_at: datetime
    gone: datetime | None = None
    calmer: datetime | None = None

    def not_after(self, now: datetime) -> None:
        """Bring what is waited from to `now` at the latest: a clock that was set back must not lengthen any wait."""
        self.told_at = min(self.told_at, now)
        self.gone = self.gone and min(self.gone, now)
        self.calmer = self.calmer and min(self.calmer, now)

    def document(self) -> dict[str, Any]:
        times = {"since": self.since, "told_at": self.told_at, "gone": self.gone, "calmer": self.calmer}
        written = {name: fields.iso(time) for name, time in times.items() if time is not None}
        return {"condition": self.condition.document(), "told": self.told, **written}

    @classmethod
    def parse(cls, document: object) -> "_Open":
        found = fields.mapping(document)
        return cls(
            condition=Condition.parse(found.get("condition")),
            since=fields.time(found, "since"),
            told=cast(Severity, fields.text(found, "told", "warning|critical")),
            told_at=fields.time(found, "told_at"),
            gone=fields.time(found, "gone") if "gone" in found else None,
            calmer=fields.time(found, "calmer") if "calmer" in found else None,
        )


class Book:
    """The open conditions of one stack. Every `now` has a zone; `document()` is all that a restart needs."""

    def __init__(self, stack: str, *, repeat: timedelta = REPEAT, settle: timedelta = SETTLE) -> None:
        """`repeat` is when an open condition is told again; `settle` is how long it must stay away to be over."""
        self._stack = stack
        self._repeat = repeat
        self._settle = settle
        self._open: dict[str, _Open] = {}
        self._events: dict[str, datetime] = {}

    def update(self, conditions: Iterable[Condition], now: datetime) -> list[Notice]:
        """Take all that is wrong now, and return what is to be told: first what is over, then what is there, the worst first.

        Of several conditions with one key, the worst counts.
        """
        for entry in self._open.values():
            entry.not_after(now)
        present: dict[str, Condition] = {}
        for condition in sorted(conditions, key=lambda one: -_RANK[one.severity]):
            present.setdefault(condition.key, condition)
        absent = [key for key in self._open if key not in present]
        found = [*(self._absent(key, now) for key in absent), *(self._present(one, now) for one in present.values())]
        return [notice for notice in found if notice]

    def event(self, condition: Condition, now: datetime) -> Notice | None:
        """Return the notice of something that happened and is no state; None if its key was told in the last 10 minutes."""
        self._events = {key: at for key, at in self._events.items() if timedelta(0) <= now - at < _EVENT_REST}
        if condition.key in self._events:
            return None
        self._events[condition.key] = now
        return Notice(self._stack, condition, "event", since=now, at=now)

    def open(self) -> list[Notice]:
        """Return what is open, oldest first, as it was last seen; also what is away, but not for long enough."""
        entries = sorted(self._open.values(), key=lambda entry: entry.since)
        return [Notice(self._stack, entry.condition, "firing", entry.since, entry.told_at) for entry in entries]

    def _absent(self, key: str, now: datetime) -> Notice | None:
        entry = self._open[key]
        entry.gone = entry.gone or now
        if now - entry.gone < self._settle:
            return None
        del self._open[key]
        return Notice(self._stack, entry.condition, "resolved", since=entry.since, at=entry.gone)

    def _present(self, condition: Condition, now: datetime) -> Notice | None:
        entry = self._open.get(condition.key)
        if entry is None:
            entry = self._open[condition.key] = _Open(condition, since=now, told=condition.severity, told_at=now)
            return Notice(self._stack, condition, "firing", since=now, at=now)
        entry.condition, entry.gone = condition, None
        self._calm(entry, now)
        worse = _RANK[condition.severity] > _RANK[entry.told]
        if not worse and now - entry.told_at < self._repeat:
            return None
        entry.told, entry.told_at, entry.calmer = condition.severity, now, None
        return Notice(self._stack, condition, "firing", since=entry.since, at=now)

    def _calm(self, entry: _Open, now: datetime) -> None:
        """Forget the severity that was told once a milder one has settled, so that getting worse again is told again."""
        if _RANK[entry.condition.severity] >= _RANK[entry.told]:
            entry.calmer = None
            return
        entry.calmer = entry.calmer or now
        if now - entry.calmer >= self._settle:
            entry.told, entry.calmer = entry.condition.severity, None

    def document(self) -> dict[str, Any]:
        """Return everything as JSON."""
        events = {key: fields.iso(at) for key, at in self._events.items()}
        return {"open": [entry.document() for entry in self._open.values()], "events": events}

    @classmethod
    def parse(cls, document: object, stack: str, *, repeat: timedelta = REPEAT, settle: timedelta = SETTLE) -> "Book":
        """Return the book of a document, or an empty one if the document is broken."""
        book = cls(stack, repeat=repeat, settle=settle)
        try:
            found = fields.mapping(document)
            entries = [_Open.parse(one) for one in found["open"]]
            events = {key: fields.time(found["events"], key) for key in fields.mapping(found["events"])}
        except (ValueError, TypeError, KeyError):
            return book
        book._open = {entry.condition.key: entry for entry in entries}
        book._events = events
        return book

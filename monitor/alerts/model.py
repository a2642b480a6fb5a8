"""What is wrong, and what people are told of it. Pure: neither a clock nor a connection."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, cast

from monitor.alerts import fields

Severity = Literal["warning", "critical"]
State = Literal["firing", "resolved", "event"]


@dataclass(frozen=True)
class Condition:
    """Something that is wrong now. `key` says what and where, such as `down/postgres`; `fix` is a command or a sentence.

    `service` is None for what concerns the whole stack. `summary` is one sentence, and may change while the key stays.
    """

    key: str
    severity: Severity
    service: str | None
    summary: str
    fix: str

    def document(self) -> dict[str, Any]:
        """Return the condition as JSON."""
        return asdict(self)

    @classmethod
    def parse(cls, document: object) -> "Condition":
        """Return the condition of a document; ValueError if it is none."""
        found = fields.mapping(document)
        return cls(
            key=fields.text(found, "key"),
            severity=cast(Severity, fields.text(found, "severity", "warning|critical")),
            service=None if found.get("service") is None else fields.text(found, "service"),
            summary=fields.text(found, "summary"),
            fix=fields.text(found, "fix"),
        )


@dataclass(frozen=True)
class Notice:
    """What is sent about a condition: that it is there (`firing`), that it is gone (`resolved`), or that it happened (`event`).

    `since` is when the condition began. `at` is when it became as the notice says: for `resolved`, when it went away; for a
    `firing` later than `since`, when it got worse or was reminded of. Both have a zone.
    """

    stack: str
    condition: Condition
    state: State
    since: datetime
    at: datetime

    @property
    def first(self) -> bool:
        """Whether this is the first notice about its condition."""
        return self.state != "resolved" and self.at == self.since

    def document(self) -> dict[str, Any]:
        """Return the notice as JSON, in one level: the condition's values stand beside its own."""
        own = {"stack": self.stack, "state": self.state, "since": fields.iso(self.since), "at": fields.iso(self.at)}
        return {**own, **self.condition.document()}

    @classmethod
    def parse(cls, document: object) -> "Notice":
        """Return the notice of a document; ValueError if it is none."""
        found: Mapping[str, Any] = fields.mapping(document)
        return cls(
            stack=fields.text(found, "stack"),
            condition=Condition.parse(found),
            state=cast(State, fields.text(found, "state", "firing|resolved|event")),
            since=fields.time(found, "since"),
            at=fields.time(found, "at"),
        )

    def text(self) -> str:
        """Return one line for people: `[stack dev] CRITICAL postgres: it does not answer. Fix: ./karen logs postgres`."""
        line = f"[stack {self.stack}] {self._headline()}: {self.condition.summary}"
        if self.state != "resolved" and self.condition.fix:
            line = f"{line.rstrip('. ')}. Fix: {self.condition.fix}"
        # A summary may quote an engine's error of several lines.
        return " ".join(line.split())

    def _headline(self) -> str:
        """Return the severity or the state, the time it took, and the service."""
        service = f" {self.condition.service}" if self.condition.service else ""
        # A clock that was set back makes no negative time.
        lasted = span(max(0, int((self.at - self.since).total_seconds())))
        if self.state == "resolved":
            return f"RESOLVED after {lasted}:{service}" if service else f"RESOLVED after {lasted}"
        if self.state == "event":
            return f"EVENT{service}"
        return f"{self.condition.severity.upper()}{service}{'' if self.first else f' for {lasted}'}"


def span(seconds: int) -> str:
    """Return a time that something took: `42 s`, `3 min`, `2 h 5 min`, `3 d 2 h`."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 1:
        return f"{seconds} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min".removesuffix(" 0 min")
    return f"{days} d {hours % 24} h".removesuffix(" 0 h")

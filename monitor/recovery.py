"""When to restart what: in the order of dependencies, with growing pauses, and not for ever. Pure: time and chance come in.

A service is left alone while a restart cannot help, while what it needs is failing itself, and while it is still starting. Pauses
grow as in https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/: exponentially, with jitter.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from monitor.causes import Cause
from monitor.model import Container, Observation

# A restart follows when a service has failed for so long: short enough for a minute in all, long enough for a hiccup.
_PATIENCE = timedelta(seconds=10)
# What has just begun is not failing yet; nor what had to wait for another service.
_START = timedelta(seconds=90)
_AFTER_ANOTHER = timedelta(seconds=30)
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS, _JITTER = 10.0, 300.0, 0.25
PER_HOUR = 5
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class History:
    """One service: since when it fails by itself, when it was last well, and when it was restarted in the last hour.

    `waited` says that it failed because of another one before; `given_up` that restarting it was.
    """

    failing_since: datetime | None = None
    well_at: datetime | None = None
    waited: bool = False
    restarts: tuple[datetime, ...] = ()
    not_before: datetime | None = None
    given_up: bool = False

    def document(self) -> dict[str, Any]:
        """Return it for a JSON file."""
        return {
            "failing_since": _text(self.failing_since),
            "well_at": _text(self.well_at),
            "waited": self.waited,
            "restarts": [one.isoformat() for one in self.restarts],
            "not_before": _text(self.not_before),
            "given_up": self.given_up,
        }

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "History":
        """Read what `document` returned."""
        return cls(
            failing_since=_time(document["failing_since"]),
            well_at=_time(document["well_at"]),
            waited=bool(document["waited"]),
            restarts=tuple(datetime.fromisoformat(one) for one in document["restarts"]),
            not_before=_time(document["not_before"]),
            given_up=bool(document["given_up"]),
        )


@dataclass
class Recovery:
    """Decides at every check which services to restart now, and remembers what it decided."""

    histories: dict[str, History] = field(default_factory=dict)

    def decide(
        self,
        observed: Mapping[str, Observation],
        found: Mapping[str, Cause],
        held: Collection[str],
        now: datetime,
        chance: float,
    ) -> list[str]:
        """Return the services to restart. `held` ones are their holder's alone; `chance` is from 0 to 1."""
        due = []
        for name, one in observed.items():
            cause = None if name in held else found.get(name)
            history = _seen(self.histories.get(name, History()), cause, now)
            if cause is not None and one.container is not None and _is_due(history, one.container, cause, now):
                if len(history.restarts) < PER_HOUR:
                    history = _restarted(history, now, chance)
                    due.append(name)
                else:
                    history = replace(history, given_up=True)
            self.histories[name] = history
        return due


def _seen(history: History, cause: Cause | None, now: datetime) -> History:
    """Return the history with what is seen now in it; without a cause the service is well, or somebody else's."""
    history = replace(history, restarts=tuple(at for at in history.restarts if now - at < _HOUR))
    if cause is None:
        return replace(history, failing_since=None, well_at=now, waited=False, not_before=None, given_up=False)
    if not cause.own:
        return replace(history, failing_since=None, waited=True)
    return replace(history, failing_since=history.failing_since or now)


def _is_due(history: History, container: Container, cause: Cause, now: datetime) -> bool:
    # What the container engine is starting again comes back by itself, or shows itself as one that always ends.
    if not cause.restart or not cause.own or history.given_up or container.state == "restarting":
        return False
    if history.failing_since is None or (history.not_before is not None and now < history.not_before):
        return False
    if container.state == "running" and _is_starting(history, container.started_at, now):
        return False
    return now - history.failing_since >= (_AFTER_ANOTHER if history.waited else _PATIENCE)


def _is_starting(history: History, began: datetime | None, now: datetime) -> bool:
    """Whether it was never well since it began, a moment ago."""
    return began is not None and now - began < _START and (history.well_at is None or history.well_at < began)


def _restarted(history: History, now: datetime, chance: float) -> History:
    pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** len(history.restarts))
    pause *= 1 - _JITTER + 2 * _JITTER * chance
    return replace(history, restarts=(*history.restarts, now), not_before=now + timedelta(seconds=pause))


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

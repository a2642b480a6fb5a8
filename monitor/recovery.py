"""When to restart what: in the order of dependencies, with growing pauses, and not for ever. Pure: time and chance come in.

A service is left alone while a restart cannot help, while what it needs is failing itself, and while it is still starting. Pauses
grow as in https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/: exponentially, with jitter.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor.causes import Cause
from monitor.history import History
from monitor.model import Container, Observation

# A restart follows when a service has failed for so long: short enough for a minute in all, long enough for a hiccup.
_PATIENCE = timedelta(seconds=10)
# What has just begun is not failing yet; nor what had to wait for another service.
_START = timedelta(seconds=90)
_AFTER_ANOTHER = timedelta(seconds=30)
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS, _JITTER = 10.0, 300.0, 0.25
_LONGEST_PAUSE = timedelta(seconds=_LONGEST_PAUSE_SECONDS * (1 + _JITTER))
# The ceiling for restarts, and for starts by the container engine of what is never well.
PER_HOUR = 5


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
        busy: Collection[str] = (),
    ) -> list[str]:
        """Return the services to restart. `held` ones are their holder's alone; `chance` is from 0 to 1.

        A service is `busy` while this very monitor restarts it: it is judged when that is over.
        """
        due = []
        for name, one in observed.items():
            cause = None if name in held else found.get(name)
            history = self.histories.get(name, History()).at(now, _LONGEST_PAUSE)
            if name in busy:
                self.histories[name] = history
                continue
            history = _seen(history, cause, now)
            if cause is not None and one.container is not None and _is_due(history, one.container, cause, now):
                if len(history.restarts) < PER_HOUR:
                    history = _restarted(history, now, chance)
                    due.append(name)
                else:
                    history = replace(history, given_up=True)
            self.histories[name] = history
        return due

    def hopeless(
        self,
        observed: Mapping[str, Observation],
        found: Mapping[str, Cause],
        held: Collection[str],
        now: datetime,
    ) -> list[str]:
        """Return the servers to stop, after `decide`: the container engine starts them for ever, and they are never well.

        The one that was stopped is given up; one that somebody starts, and that ends again, is stopped again.
        """
        ended = []
        for name, one in observed.items():
            if one.container is None:
                continue
            cause = None if name in held else found.get(name)
            before = self.histories[name]
            own = name not in held and (cause is None or cause.own)
            history = before.with_count(one.container.restarts, now, own=own)
            new = cause is not None and cause.restart and history.starts != before.starts
            if new and history.crashes > PER_HOUR:
                history = replace(history, given_up=True, crashing=True)
                ended.append(name)
            self.histories[name] = history
        return ended

    def ended(self, name: str, now: datetime) -> None:
        """A restart is over: the pause before the next one begins now."""
        history = self.histories[name]
        if history.not_before is not None and history.restarts:
            pause = history.not_before - history.restarts[-1]
            self.histories[name] = replace(history, not_before=now + min(pause, _LONGEST_PAUSE))


def _seen(history: History, cause: Cause | None, now: datetime) -> History:
    """Return the history with what is seen now in it; without a cause the service is well, or somebody else's."""
    if cause is None:
        well = replace(history, failing_since=None, well_at=now, waited=False, not_before=None)
        return replace(well, given_up=False, crashing=False)
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
    """Whether it was never well since it began, a moment ago; what began after now, by a clock that was set back, is no news."""
    if began is None or not timedelta(0) <= now - began < _START:
        return False
    return history.well_at is None or history.well_at < began


def _restarted(history: History, now: datetime, chance: float) -> History:
    pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** len(history.restarts))
    pause *= 1 - _JITTER + 2 * _JITTER * chance
    return replace(history, restarts=(*history.restarts, now), not_before=now + timedelta(seconds=pause))

"""What is remembered of a service from one check to the next, and from one worker to the next. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

HOUR = timedelta(hours=1)
# So many of the container engine's starts are kept; a server that ends at once has more.
_MOST_STARTS = 20
_TIMES = ("failing_since", "well_at", "not_before")
_LISTS = ("restarts", "starts")


@dataclass(frozen=True, kw_only=True)
class History:
    """One service: since when it fails by itself, when it was last well, and when it was restarted in the last hour.

    `waited` says that it failed because of another one before; `given_up` that restarting it was, and `crashing` that this is
    because it always ended. `starts` are the container engine's own, of which `counted` were seen in its count.
    """

    failing_since: datetime | None = None
    well_at: datetime | None = None
    waited: bool = False
    restarts: tuple[datetime, ...] = ()
    not_before: datetime | None = None
    given_up: bool = False
    crashing: bool = False
    starts: tuple[datetime, ...] = ()
    counted: int | None = None

    @property
    def crashes(self) -> int:
        """Return how often it ended, and was started by the container engine, without being well in between."""
        return sum(self.well_at is None or at > self.well_at for at in self.starts)

    def at(self, now: datetime, longest: timedelta) -> "History":
        """Forget what is over, and bring the rest to `now`: a clock that was set back must not lengthen any wait."""
        return replace(
            self,
            failing_since=self.failing_since and min(self.failing_since, now),
            well_at=self.well_at and min(self.well_at, now),
            not_before=self.not_before and min(self.not_before, now + longest),
            restarts=_lately(self.restarts, now),
            starts=_lately(self.starts, now),
        )

    def with_count(self, count: int, now: datetime, *, own: bool) -> "History":
        """Take the container engine's count of its own starts, which a start by somebody else brings to 0.

        Not those of a service that somebody works on, or that fails because of another (`own` is false).
        """
        new = 0 if self.counted is None else count - self.counted if count >= self.counted else count
        starts = (*self.starts, *[now] * min(new, _MOST_STARTS)) if own else self.starts
        return replace(self, counted=count, starts=starts[-_MOST_STARTS:])

    def document(self) -> dict[str, Any]:
        """Return it for a JSON file."""
        written = asdict(self)
        times = {name: written[name] and written[name].isoformat() for name in _TIMES}
        return {**written, **times, **{name: [at.isoformat() for at in written[name]] for name in _LISTS}}

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "History":
        """Read what `document` returned."""
        times = {name: datetime.fromisoformat(document[name]) if document[name] else None for name in _TIMES}
        lists = {name: tuple(datetime.fromisoformat(one) for one in document.get(name, ())) for name in _LISTS}
        return cls(**{**document, **times, **lists})


def _lately(times: tuple[datetime, ...], now: datetime) -> tuple[datetime, ...]:
    return tuple(min(at, now) for at in times if now - at < HOUR)

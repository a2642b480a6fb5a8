"""Which sets stay: the last ones, and of each hour, day, week, month and year the newest, as far back as is asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime


@dataclass(frozen=True, kw_only=True)
class Keep:
    """How many of each. Hours, days, weeks, months and years in which there is no set do not count."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0

    def __post_init__(self) -> None:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"retention: {name} is {value!r}; allowed: a number from 0")
        if not any(values.values()):
            raise ValueError(f"retention: nothing is kept; at least one of {', '.join(values)} is 1 or more")


@dataclass(frozen=True, kw_only=True)
class Aged:
    """A set's id, its moment in Unix seconds, and whether it is good (not incomplete).

    `extra` is one that was not planned, but made because the log began anew: it fills no place of the last ones.
    """

    id: str
    time: float
    good: bool
    extra: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What stays, with the reasons, and what goes; newest first."""

    kept: Mapping[str, tuple[str, ...]]
    removed: tuple[str, ...]


_PERIODS: Mapping[str, Callable[[datetime], str]] = {
    "hourly": lambda moment: moment.strftime("%Y-%m-%dT%H"),
    "daily": lambda moment: moment.strftime("%Y-%m-%d"),
    "weekly": lambda moment: moment.strftime("%G-W%V"),
    "monthly": lambda moment: moment.strftime("%Y-%m"),
    "yearly": lambda moment: moment.strftime("%Y"),
}


def plan(sets: Sequence[Aged], keep: Keep) -> Plan:
    """Decide. The newest good set stays whatever is asked for; periods are UTC's.

    Incomplete sets fill no place of a good one; they stay until a newer good one is there.
    """
    ordered = sorted(sets, key=lambda one: (one.time, one.id), reverse=True)
    good = [one for one in ordered if one.good]
    reasons: dict[str, list[str]] = {one.id: [] for one in ordered}
    if good:
        reasons[good[0].id].append("newest good set")
    planned = [one for one in good if not one.extra]
    for number, one in enumerate(planned[: keep.last], start=1):
        reasons[one.id].append(f"last {number} of {keep.last}")
    for name, period in _PERIODS.items():
        _keep_periods(good, getattr(keep, name), name, period, reasons)
    for one in ordered:
        if one is (good[0] if good else None):
            break
        if not one.good:
            reasons[one.id].append("no newer good set")
    return Plan(
        kept={one.id: tuple(reasons[one.id]) for one in ordered if reasons[one.id]},
        removed=tuple(one.id for one in ordered if not reasons[one.id]),
    )


def _keep_periods(
    good: Sequence[Aged], count: int, name: str, period: Callable[[datetime], str], reasons: Mapping[str, list[str]]
) -> None:
    """Keep the newest set of each of the last `count` periods that have one; `good` is sorted, newest first."""
    seen: set[str] = set()
    for one in good:
        key = period(datetime.fromtimestamp(one.time, UTC))
        if len(seen) < count and key not in seen:
            seen.add(key)
            reasons[one.id].append(f"{name} {key}")

"""When sets are made: cron expressions of five fields, in UTC."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

_FIELDS = 5
# Missed runs are caught up by one: no more than these are told one by one.
MOST = 1000


def validated(expression: str) -> str:
    """Return the expression with single spaces; ValueError says what is wrong with it, or that it never comes."""
    parts = expression.split()
    if len(parts) != _FIELDS:
        raise ValueError(
            f"schedule {expression!r} has {len(parts)} fields; allowed: minute hour day month weekday, such as `30 2 * * *`"
        )
    joined = " ".join(parts)
    next(_runs(joined, datetime.now(UTC)))
    return joined


def next_run(expression: str, after: float) -> float:
    """Return the first run after a moment; both are Unix seconds. ValueError as in `validated`."""
    return next(_runs(expression, datetime.fromtimestamp(after, UTC))).timestamp()


def missed(expression: str, last: float, now: float) -> tuple[float, ...]:
    """Return the runs after `last` and not after `now`, oldest first, of more than 1000 the newest; Unix seconds."""
    found: list[float] = []
    end = datetime.fromtimestamp(now, UTC)
    # The way back begins before the minute that it is given.
    for run in _runs(expression, end.replace(second=0, microsecond=0) + timedelta(minutes=1), reverse=True):
        if run.timestamp() <= last or len(found) == MOST:
            break
        found.append(run.timestamp())
    return tuple(reversed(found))


def _runs(expression: str, start: datetime, *, reverse: bool = False) -> Iterator[datetime]:
    """Return every run after a moment, or before it."""
    try:
        runs = CronSim(expression, start, reverse=reverse)
    except CronSimError as error:
        raise ValueError(f"schedule {expression!r}: {error}") from None
    count = 0
    for count, run in enumerate(runs, start=1):  # noqa: B007 - asked for after the loop
        yield run
    if not count:
        raise ValueError(f"schedule {expression!r} never comes")

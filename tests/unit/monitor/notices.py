"""Made-up notices."""

from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.alerts.model import Condition, Notice, State

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
DOWN = Condition("down/postgres", "critical", "postgres", "it does not answer", "./karen logs postgres")


def condition(**changes: Any) -> Condition:
    return Condition(**{**DOWN.document(), **changes})


def notice(state: State = "firing", *, since: datetime = BEGIN, after: float = 0.0, **changes: Any) -> Notice:
    """Return a notice about `DOWN` as `changes` make it, `after` seconds after it began."""
    return Notice("dev", condition(**changes), state, since, since + timedelta(seconds=after))


def now(number: int = 0) -> Notice:
    """Return one that began just now, and is told apart by its number."""
    return notice(since=datetime.now(UTC), summary=f"number {number}")

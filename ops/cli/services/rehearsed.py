"""What this machine knows of a stack's restores: the last drill, and one that was cut off."""

import time
from typing import Any

from monitor.alerts.model import Condition, span
from ops.backups import drills, journal

# A backup that was not restored for longer is a hope.
_STALE_SECONDS = 7 * 86400


def rehearsed(stack: str) -> list[Condition]:
    """Return what is wrong: a drill that failed or is long ago, a restore that is not finished. Nothing about what never was."""
    found = (_unfinished(stack), _drill(stack, drills.read(stack)))
    return [one for one in found if one is not None]


def _drill(stack: str, last: dict[str, Any] | None) -> Condition | None:
    if last is None:
        return None
    age, fix = time.time() - float(last["ended"]), f"./karen backup drill --stack {stack}"
    if not last["good"]:
        told = f"the last drill failed {span(int(age))} ago: {last.get('error') or 'nobody said why'}"
        return Condition("drill-failed", "critical", None, told, fix)
    if age > _STALE_SECONDS:
        return Condition("drill-stale", "warning", None, f"the last drill was {span(int(age))} ago", fix)
    return None


def _unfinished(stack: str) -> Condition | None:
    """Tell of a restore that was cut off while it exchanged data, or still does; its own command finishes it, or gives it up."""
    try:
        left = journal.read(stack)
    except (OSError, ValueError, TypeError) as error:
        told = f"a restore was cut off, and its note {journal.path(stack)} cannot be read: {error}"
        fix = f"remove that file, and restore again, with a set of ./karen backup list --stack {stack}"
        return Condition("restore", "critical", None, told, fix)
    if left is None:
        return None
    if left.giving_up:
        told = f"a restore of {', '.join(left.taken)} is being given up, and that is not finished"
        return Condition("restore", "critical", None, told, f"./karen backup restore --give-up --stack {stack}")
    told = f"a restore of {', '.join(left.taken)} has begun to exchange data, and is not finished"
    return Condition("restore", "critical", None, told, left.command)

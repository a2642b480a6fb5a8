"""What is wrong with a stack's backups, from what the service that makes them has written down. Pure.

Commands tell the same as the monitor's alerts. Times are Unix seconds.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from backup.schedule import next_run
from backup.service.status import Outcome, Status
from monitor.alerts.model import Condition, span

SERVICE = "backups"
SILENT, MISSED, LAG = f"down/{SERVICE}", "backup-missed", "wal-lag"
# It writes every two seconds.
SILENT_SECONDS = 120.0
# It follows the log within moments, once PostgreSQL is there.
START_SECONDS = 60.0
# What PostgreSQL may lose at most.
LAG_SECONDS = 300.0
# A set takes its time; a large one so much longer as its forerunner took.
_GRACE_SECONDS = 900.0
_FAILED = ("failed", "incomplete")


def conditions(status: Status, now: float, stack: str, *, since: float = 0.0) -> list[Condition]:
    """Return all that is wrong. `since` is when the service or PostgreSQL was started, or kept from its work on purpose."""
    found = [*_missed(status, now, stack), *_last(status, stack)]
    silent = now - max(status.at, since)
    if silent > SILENT_SECONDS:
        told = f"has told nothing for {span(int(now - status.at))}" if status.at else "has told nothing yet"
        summary = f"the service that makes backups {told}"
        fix = f"./karen restart {SERVICE} --stack {stack}"
        return [Condition(SILENT, "critical", SERVICE, summary, fix), *found]
    return [*found, *_lag(status, stack, starting=0 <= now - since < START_SECONDS)] if status.at else found


def overdue(status: Status, now: float) -> float | None:
    """Return when a good set should have been begun that is not there; None while everything is in time."""
    if not status.schedule:
        return None
    if status.good is not None:
        due = next_run(status.schedule, status.good.began)
        grace = _GRACE_SECONDS + 2 * (status.good.ended - status.good.began)
    elif status.last is not None and status.last.state in _FAILED:
        # That is told already.
        return None
    else:
        begun = (status.missed_at, status.running.began if status.running else None)
        due, grace = min((one for one in begun if one is not None), default=now), _GRACE_SECONDS
    # A run that catches up has its time as well.
    working = status.running is not None and now <= status.running.began + grace
    return due if now > due + grace and not working else None


def moment(seconds: float) -> str:
    """Return a time for people: `2026-11-22 02:00 UTC`."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _missed(status: Status, now: float, stack: str) -> Iterator[Condition]:
    due = overdue(status, now)
    if due is None:
        return
    newest = f"the newest good set is of {moment(status.good.began)}" if status.good else "there is no good set"
    told = f"{newest}, and one was due {moment(due)}"
    fix = f"./karen backup create --stack {stack}; ./karen logs {SERVICE} --stack {stack} tells why"
    yield Condition(MISSED, "critical", SERVICE, told, fix)


def _last(status: Status, stack: str) -> Iterator[Condition]:
    """Yield what was wrong with the last run."""
    last = status.last
    if last is None:
        return
    again = f"./karen backup create --stack {stack}"
    error = last.error or {}
    if last.state == "failed":
        told = f"no set could be made {moment(last.ended)}: {error.get('message') or 'nobody said why'}"
        yield Condition("backup-failed", "critical", SERVICE, told, _first(error.get("fix", ""), again))
        return
    if last.state == "incomplete":
        told, fix = _reasons(last)
        yield Condition("backup-incomplete", "warning", SERVICE, told, _first(fix, again))
    if error:
        told = f"sets that are over could not be removed {moment(last.ended)}: {error['message']}"
        prune = f"./karen backup prune --stack {stack}"
        yield Condition("backup-prune", "warning", SERVICE, told, _first(error["fix"], prune))


def _reasons(last: Outcome) -> tuple[str, str]:
    """Return which engines a set has not, and why, and what mends that."""
    told, fixes = [], []
    for engine, reason in last.reasons.items():
        message, _, fix = reason.partition(" Fix: ")
        told.append(f"{engine}: {message.removeprefix(f'{engine}: ').rstrip('.')}")
        fixes += [fix] if fix else []
    return f"the set {last.set} is incomplete: {'; '.join(told)}", "; ".join(dict.fromkeys(fixes))


def _lag(status: Status, stack: str, *, starting: bool) -> Iterator[Condition]:
    archive = status.archive
    late = archive.lag_seconds is not None and archive.lag_seconds > LAG_SECONDS
    if (archive.following or starting) and not late:
        return
    behind = f"{archive.lag_seconds:.0f} s behind" if archive.lag_seconds is not None else ""
    if archive.following:
        told = f"the kept copy of PostgreSQL's log is {behind}; at most {LAG_SECONDS:.0f} are allowed"
    else:
        why = "; ".join(part for part in (archive.error, behind) if part)
        told = f"PostgreSQL's log is not followed{f': {why}' if why else ''}"
    yield Condition(LAG, "critical", "postgres", told, f"./karen logs {SERVICE} --stack {stack}")


def _first(fix: str, then: str) -> str:
    return f"{fix.rstrip('.')}; then {then}" if fix else then

"""Backups: whether they are made, in time and whole, apart from the data, and were ever restored."""

import time
from collections.abc import Iterator

from components.naming import Naming
from monitor.alerts.model import Condition, span
from monitor.backup_rules import SERVICE, conditions, moment
from ops.backups import drills
from ops.cli.doctor.model import Check, Finding, Patient, Status
from ops.cli.doctor.places import apart
from ops.cli.services.backed import read, since
from ops.cli.services.containers import Server
from ops.cli.services.rehearsed import rehearsed

_NAME = "backups"
# What was missed and caught up longer ago is no news.
_LATELY_SECONDS = 7 * 86400


def backups(patient: Patient) -> Iterator[Finding]:
    """Whether sets are made as they should, and what is known of restores."""
    if patient.settings is not None and patient.settings.enable_backups:
        yield from _made(patient)
        yield from _drilled(patient.stack)
    elif patient.settings is not None:
        fix = f"pulumi config set ai-karen-db:enableBackups true --stack {patient.stack}, and make up"
        yield Finding(_NAME, "ok", "none are made by themselves (enableBackups is off)", fix)
    yield from map(_finding, rehearsed(patient.stack))


def _made(patient: Patient) -> Iterator[Finding]:
    """Yield how the service that makes them fares."""
    from docker.errors import NotFound

    if patient.client is None:
        return
    container = Naming(stack=patient.stack).container(SERVICE)
    try:
        facts = patient.client.api.inspect_container(container)
    except NotFound:
        told = "enableBackups is on, and the service that makes them is not there"
        yield Finding(_NAME, "problem", told, f"make up STACK={patient.stack}")
        return
    status = read(patient.client.api, container)
    if status is None:
        yield Finding(_NAME, "unknown", f"what {container} has written cannot be read", "./karen status")
        return
    now = time.time()
    wrong = conditions(status, now, patient.stack, since=since(Server(SERVICE, facts)))
    yield from map(_finding, wrong)
    if status.missed_at is not None and now - status.missed_at < _LATELY_SECONDS:
        told = f"no set was made {moment(status.missed_at)}, when one was due ({status.missed} missed so far); it was caught up"
        yield Finding(_NAME, "warning", told, f"./karen logs {SERVICE} --stack {patient.stack}")
    if not wrong:
        good = f"of {moment(status.good.began)}" if status.good else "not made yet"
        yield Finding(_NAME, "ok", f"newest good set {good}; the next is due {moment(status.next)}")
    yield from apart(patient, facts)


def _drilled(stack: str) -> Iterator[Finding]:
    last, fix = drills.read(stack), f"./karen backup drill --stack {stack}"
    if last is None:
        yield Finding(_NAME, "warning", "no restore was ever tried on this machine", fix)
    elif not any(one.key.startswith("drill") for one in rehearsed(stack)):
        ago = span(int(time.time() - last["ended"]))
        yield Finding(_NAME, "ok", f"the last drill brought {last.get('set', 'a set')} back {ago} ago")


def _finding(one: Condition) -> Finding:
    status: Status = "problem" if one.severity == "critical" else "warning"
    return Finding(_NAME, status, one.summary, one.fix)


CHECKS: tuple[Check, ...] = (backups,)

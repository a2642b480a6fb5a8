"""What is wrong now, as conditions that alerts are made of. Pure."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

from monitor.alerts.model import Condition, Severity
from monitor.causes import Cause
from monitor.history import History
from monitor.ledgers import Ledger
from monitor.model import Observation, Usage
from monitor.recovery import PER_HOUR

# A server that comes back at once is no news.
_DOWN_AFTER = timedelta(seconds=15)
_DISK: tuple[tuple[float, Severity], ...] = ((0.9, "critical"), (0.8, "warning"))
_MEMORY_SHARE = 0.9
# So many starts by the container engine itself within ten minutes are a loop.
LOOP_RESTARTS, LOOP_WINDOW = 3, timedelta(minutes=10)


def down(
    found: Mapping[str, Cause], histories: Mapping[str, History], held: Collection[str], now: datetime
) -> Iterator[Condition]:
    """Yield one condition for every cause of failures, and one for every recovery that was given up."""
    for name, cause in found.items():
        history = histories[name]
        if name in held or not cause.own or history.failing_since is None:
            continue
        cascade = sorted(other for other, one in found.items() if one.root == name and other != name)
        summary = f"{cause.summary}; with it {', '.join(cascade)}" if cascade else cause.summary
        if now - history.failing_since >= _DOWN_AFTER or cause.certain:
            yield Condition(f"down/{name}", "critical", name, summary, cause.fix)
        if history.given_up:
            told = f"{name} was restarted {PER_HOUR} times in an hour, and is not tried again: {cause.summary}"
            if history.crashing:
                told = f"{name} ended more than {PER_HOUR} times in an hour without ever answering; it was stopped, and is not tried again"
            yield Condition(f"recovery-failed/{name}", "critical", name, told, cause.fix)


def shortages(observed: Mapping[str, Observation], held: Collection[str], stack: str) -> Iterator[Condition]:
    """Yield a condition for every disk and every memory that is nearly used up."""
    yield from _full_disks(observed, held)
    for name, one in observed.items():
        if one.memory is not None and one.memory.share >= _MEMORY_SHARE and name not in held:
            limit = one.memory.limit // 1024**2
            told = f"{name} uses {one.memory.share:.0%} of its {limit} MiB of memory"
            fix = f"pulumi config set ai-karen-db:{name}Memory {limit * 3 // 2}m --stack {stack}, then make up"
            yield Condition(f"memory/{name}", "warning", name, told, fix)


def _full_disks(observed: Mapping[str, Observation], held: Collection[str]) -> Iterator[Condition]:
    """Yield a condition for every disk, whatever lies on it; the first of its services gives the alert its name."""
    disks: dict[object, tuple[Usage, list[str]]] = {}
    for name, one in sorted(observed.items()):
        if one.disk is not None:
            device = name if one.disk.device is None else one.disk.device
            disks.setdefault(device, (one.disk, []))[1].append(name)
    for disk, names in disks.values():
        severity = next((word for share, word in _DISK if disk.share >= share), None)
        if severity is not None and not set(names) <= set(held):
            service = names[0] if len(names) == 1 else None
            told = f"the disk of {', '.join(names)} is used to {disk.share:.0%}: {disk.left // 1024**2} MiB are left"
            yield Condition(f"disk/{names[0]}", severity, service, told, "free space on that disk")


def loops(restarts: Mapping[str, Collection[datetime]], now: datetime, stack: str) -> Iterator[Condition]:
    """Yield a condition for every server that the container engine starts again and again."""
    for name, times in restarts.items():
        count = sum(now - at <= LOOP_WINDOW for at in times)
        if count >= LOOP_RESTARTS:
            minutes = LOOP_WINDOW // timedelta(minutes=1)
            told = f"{name} has ended and was started again {count} times in {minutes} minutes"
            yield Condition(f"loop/{name}", "critical", name, told, f"./karen logs {name} --stack {stack}")


def ledgers(found: Mapping[str, Ledger], held: Collection[str], stack: str) -> Iterator[Condition]:
    """Yield a condition for every engine whose ledger or schema is not as migrations left it."""
    for name, ledger in found.items():
        if ledger.problems and name not in held:
            more = f", and {len(ledger.problems) - 1} more" if len(ledger.problems) > 1 else ""
            fix = f"./karen migrate verify --stack {stack}"
            yield Condition(f"drift/{name}", "warning", name, f"{name}: {ledger.problems[0]}{more}", fix)


def blind(reason: str | None, since: datetime | None, now: datetime, stack: str) -> Iterator[Condition]:
    """Yield a condition when the container engine could not be asked for some time; it is slow while it starts a container."""
    if reason is not None and since is not None and now - since >= _DOWN_AFTER:
        told = f"containers can be neither seen nor restarted: {reason}"
        yield Condition("engine", "critical", None, told, f"./karen restart proxy --stack {stack}")

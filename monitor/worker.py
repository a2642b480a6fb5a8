"""The monitor's loop: look, find the causes, restart what a restart may help, tell everybody."""

import logging
import os
import random
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from init.engines.base import set_patience
from monitor import certificate_rules, rules, store
from monitor.alerts.model import Condition
from monitor.alerts.telling import Telling
from monitor.backup_rules import SERVICE as BACKUPS
from monitor.backups import Backups
from monitor.causes import Cause, causes
from monitor.configuration import OPERATIONS, Configuration
from monitor.history import History
from monitor.leases import Lease, Leases, forget_stopped, stopped
from monitor.ledgers import COORDINATING, Ledgers
from monitor.metrics import Metrics
from monitor.model import Observation
from monitor.observer import Observer
from monitor.record import Record, rows
from monitor.recovery import Recovery
from monitor.restarting import Restarting
from monitor.roots import overall
from monitor.sample import sample

# The longest silence between two rounds.
BEAT_SECONDS = 5.0
# Drivers ask again by themselves; here the next round does.
_PATIENCE_SECONDS = 1.0
_log = structlog.get_logger()


class Worker:
    """Watches one stack until it is told to end."""

    def __init__(self, configuration: Configuration, beats: int, reason: str, *, operations: Path = OPERATIONS) -> None:
        """`beats` is a descriptor to write to in every round; `reason` is why the last worker had to be replaced."""
        self._configuration = configuration
        self._operations = operations
        self._directory = operations / store.DIRECTORY
        self._beats = beats
        self._reason = reason
        self._ended = threading.Event()
        kept = store.read(self._directory, store.STATE)
        self._observer = Observer(configuration)
        self._recovery = Recovery(_histories(kept))
        self._leases = Leases(operations)
        self._held: list[Lease] = []
        enabled, began = configuration.backups, time.time()
        self._backups = Backups(operations, configuration.stack, enabled=enabled, began=began)
        self._certificates = {name: datetime.fromisoformat(end) for name, end in configuration.certificates.items()}
        self._ledgers = Ledgers(configuration.engines)
        self._record = Record(configuration.engines[COORDINATING])
        self._metrics = Metrics(configuration.stack, configuration.containers)
        self._telling = Telling(configuration, operations, kept.get("alerts"), self._metrics)
        self._restarting = Restarting()
        self._blind_since: datetime | None = None
        if kept.get("running"):
            self._reason = reason or "ended without being told to"

    def run(self) -> None:
        """Check every few seconds, as long as the watchdog takes the beats."""
        self._observer.prepare()
        self._ledgers.begin()
        self._metrics.serve(self._configuration.port)
        if self._reason:
            told = f"the monitor {self._reason}; it was started again"
            self._telling.event("monitor/restarted", "monitor", told, "look at the monitor's log")
            # A worker that does not live to see the end of its first round must not have the next one tell it again.
            self._keep(running=True)
        due = time.monotonic()
        while not self._ended.is_set():
            self._beat()
            began = max(due, time.monotonic())
            self._metrics.lateness.observe(began - due)
            self._round()
            # A round that took too long makes the next one late.
            due = began + self._configuration.interval
            self._wait(due)
        self._keep(running=False)
        self._telling.close()

    def end(self) -> None:
        """Have the loop end after this round."""
        self._ended.set()

    def _beat(self) -> None:
        os.write(self._beats, b".")

    def _wait(self, until: float) -> None:
        """Wait for the next round; the watchdog takes one that is silent for long for one that hangs."""
        while not self._ended.is_set() and (left := until - time.monotonic()) > 0:
            self._ended.wait(min(left, BEAT_SECONDS))
            self._beat()

    def _round(self) -> None:
        # Before looking: what is stopped while that goes on is seen running.
        leased_before = self._leased()
        resting_before = stopped(self._operations) - leased_before
        observed = self._observer.look(leased_before)
        self._backups.look()
        found = causes(observed, self._configuration.waits, self._configuration.stack, self._backups.newest)
        leased = self._leased()
        for name in resting_before - leased:
            if name in observed and observed[name].answer.good:
                # Somebody has started it otherwise than it was stopped.
                forget_stopped(self._operations, name)
        resting = stopped(self._operations)
        self._ledgers.hold(leased | resting)
        now = datetime.now(UTC)
        self._recover(observed, found, leased | resting, now)
        self._report(observed, found, leased, resting, now)
        self._keep(running=True)

    def _recover(
        self, observed: dict[str, Observation], found: dict[str, Cause], held: set[str], now: datetime
    ) -> None:
        """Restart what a restart may help, and stop what never does anything but end."""
        for name in self._restarting.ended():
            self._recovery.ended(name, now)
        busy, servers = self._restarting.busy, self._observer.servers
        for name in self._recovery.decide(observed, found, held, now, random.random(), busy):  # noqa: S311
            _log.warning("restart", service=name, cause=found[name].summary)
            self._metrics.restarts.labels(name).inc()
            self._restarting.begin(name, servers.restart)
        for name in self._recovery.hopeless(observed, found, held | self._restarting.busy, now):
            _log.error("stopped: it always ends", service=name, cause=found[name].summary)
            self._restarting.begin(name, servers.stop)

    def _leased(self) -> set[str]:
        """Return the services that somebody works on now, and tell of leases that have lost their holder."""
        self._held, lost = self._leases.look(time.monotonic())
        for lease in lost:
            self._tell_lost(lease)
        return {name for name in self._configuration.engines if any(lease.covers(name) for lease in self._held)}

    def _report(
        self,
        observed: dict[str, Observation],
        found: dict[str, Cause],
        leased: set[str],
        resting: set[str],
        now: datetime,
    ) -> None:
        status = overall(set(observed) - resting, set(found) - resting)
        self._blind_since = (self._blind_since or now) if self._observer.blind is not None else None
        conditions = self._conditions(observed, found, leased | resting, now)
        self._telling.update(conditions, now)
        self._metrics.observe(observed, status)
        current = self._ledgers.current
        self._metrics.ledgers(observed, {name: current[name] for name in current if name not in found})
        self._metrics.backups(self._backups.status)
        self._record.put(rows(observed, found))
        document = sample(observed, found, self._recovery.histories, self._ledgers.found, stopped=resting,
                          leased=leased, conditions=conditions, status=status, at=now)  # fmt: skip
        # A full disk must not end the watch over it.
        with suppress(OSError):
            store.write(self._directory, store.SAMPLE, document)

    def _conditions(
        self, observed: dict[str, Observation], found: dict[str, Cause], held: set[str], now: datetime
    ) -> list[Condition]:
        stack = self._configuration.stack
        histories = self._recovery.histories
        resting = BACKUPS in stopped(self._operations) or any(lease.covers(BACKUPS) for lease in self._held)
        return [
            *rules.down(found, histories, held, now),
            *rules.shortages(observed, held, stack),
            *rules.loops({name: one.starts for name, one in histories.items()}, now, stack),
            *rules.ledgers(self._ledgers.current, held, stack),
            *rules.blind(self._observer.blind, self._blind_since, now, stack),
            *self._backups.conditions(now.timestamp(), resting=resting),
            *certificate_rules.conditions(self._certificates, now, stack),
        ]

    def _tell_lost(self, lease: Lease) -> None:
        told = f"the maintenance of {lease.holder} ({lease.command}) has ended without a word: its services are watched again"
        self._telling.event(f"lease/{lease.id}", None, told, f"run {lease.command} again")

    def _keep(self, *, running: bool) -> None:
        histories = {name: one.document() for name, one in self._recovery.histories.items()}
        document = {"running": running, "histories": histories, "alerts": self._telling.document()}
        with suppress(OSError):
            store.write(self._directory, store.STATE, document)


def _histories(kept: dict[str, Any]) -> dict[str, History]:
    """Return what an earlier worker knew; while it was away, nobody saw whether a service was well."""
    try:
        found = {name: History.parse(one) for name, one in kept.get("histories", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
    return {name: replace(one, failing_since=None) for name, one in found.items()}


def work(beats: int, reason: str) -> int:
    """Run one worker; 0 when it was told to end."""
    set_patience(_PATIENCE_SECONDS)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(),
            structlog.processors.JSONRenderer(),
        ]
    )
    # It logs every refusal with its stack; what is refused is told by the checks.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
    worker = Worker(Configuration.read(), beats, reason)
    signal.signal(signal.SIGTERM, lambda *_: worker.end())
    try:
        worker.run()
    except BrokenPipeError:
        # Without a watchdog there is another worker soon.
        return 1
    # Client libraries leave threads behind that would hold the exit up.
    os._exit(0)

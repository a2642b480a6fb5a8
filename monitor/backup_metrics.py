"""Metrics of backups, made when they are asked for: an age is one of that moment."""

import time
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from backup.service.status import Status
from monitor.backup_rules import SILENT_SECONDS

_STATES = ("good", "incomplete", "failed", "aborted")


class BackupMetrics(Collector):
    """What is not known has no sample: nothing of an engine's log from a service that is silent."""

    def __init__(self, prefix: str, clock: Callable[[], float] = time.time) -> None:
        self._prefix = prefix
        self._clock = clock
        self.status: Status | None = None

    def collect(self) -> Iterator[Metric]:
        """Return the metrics of what was read last."""
        status = self.status
        if status is None or not status.at:
            return
        now = self._clock()
        if status.good is not None:
            yield self._gauge("backup_age_seconds", "Age of the newest good set", now - status.good.began)
        if status.last is not None:
            seconds = status.last.ended - status.last.began
            yield self._gauge("backup_last_run_duration_seconds", "How long the last set took", seconds)
            states = GaugeMetricFamily(
                f"{self._prefix}_backup_last_run_state", "1 for what became of the last set", labels=["state"]
            )
            for word in _STATES:
                states.add_metric([word], word == status.last.state)
            yield states
        yield self._gauge("backup_next_run_timestamp_seconds", "When the next set is due, Unix time", status.next)
        name = f"{self._prefix}_backup_missed_runs"
        yield CounterMetricFamily(name, "Times that passed without a set", value=status.missed)
        if now - status.at <= SILENT_SECONDS:
            yield from self._log(status)

    def _log(self, status: Status) -> Iterator[Metric]:
        archive = status.archive
        yield self._gauge("wal_following", "1 while PostgreSQL's log is followed", archive.following)
        if archive.lag_seconds is not None:
            about = "How far the kept copy of PostgreSQL's log is behind"
            yield self._gauge("wal_lag_seconds", about, archive.lag_seconds)
        if archive.lag_bytes is not None:
            yield self._gauge("wal_lag_bytes", "What of PostgreSQL's log is not kept yet", archive.lag_bytes)

    def _gauge(self, name: str, about: str, value: float) -> Metric:
        return GaugeMetricFamily(f"{self._prefix}_{name}", about, value=value)

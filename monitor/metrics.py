"""Prometheus metrics, named as https://prometheus.io/docs/practices/naming/ advises: base units, one prefix, `_total` for counters."""

import time
from collections.abc import Collection, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from backup.service.status import Status
from monitor.alerts.courier import Counts
from monitor.backup_metrics import BackupMetrics
from monitor.ledgers import Ledger
from monitor.model import MAINTENANCE, Observation

_PREFIX = "ai_karen"
_LATENESS_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STATUSES = ("healthy", "degraded", "down")


_RESULTS = ("delivered", "failed", "given_up")


class Metrics:
    """This process's metrics, in a registry of their own. What is not known now has no sample."""

    def __init__(self, stack: str, servers: Collection[str] = ()) -> None:
        """`servers` are those that may be restarted: their counters begin with 0."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._up = self._gauge("service_up", "1 while the service answers a real query")
        self._latency = self._gauge("service_check_duration_seconds", "How long the last query took")
        self._disk_used = self._gauge("volume_used_bytes", "Used on the file system of the service's volume")
        self._disk_size = self._gauge("volume_size_bytes", "Size of the file system of the service's volume")
        self._memory = self._gauge("service_memory_usage_bytes", "Memory in use, without what is given back at once")
        self._memory_limit = self._gauge("service_memory_limit_bytes", "The container's limit")
        self._starts = self._gauge("service_container_restarts", "Restarts by the container engine, since it was made")
        self._version = self._gauge("schema_version", "Version of the engine's schema")
        self._ledger = self._gauge("ledger_consistent", "1 while ledger and schema are as migrations left them")
        self.restarts = self._counter("service_recoveries", "Restarts by the monitor", ["service"])
        for name in servers:
            self.restarts.labels(name)
        self._deliveries = _Deliveries()
        self._backups = BackupMetrics(_PREFIX)
        for collector in (self._deliveries, self._backups):
            self.registry.register(collector)
        self._waiting = self._gauge("alerts_waiting", "Alerts that are not delivered yet", ["channel"])
        self.firing = self._gauge("alerts_firing", "Alerts that are open", ["severity"])
        self._status = self._gauge("stack_status", "1 for what the stack is now", ["status"])
        self.lateness = Histogram(
            f"{_PREFIX}_check_lateness_seconds",
            "How late a round of checks began",
            buckets=_LATENESS_BUCKETS,
            registry=self.registry,
        )
        self._checked = self._gauge(
            "last_check_timestamp_seconds", "When the last round of checks ended, Unix time", []
        )
        self._gauge("monitor_info", "What is watched", ["stack"]).labels(stack).set(1)

    def serve(self, port: int) -> None:
        """Answer on a port, in a thread."""
        start_http_server(port, registry=self.registry)

    def observe(self, observed: Mapping[str, Observation], status: str) -> None:
        """Take over what a round of checks has seen."""
        for name, one in observed.items():
            asked = one.answer.status != MAINTENANCE
            _put(self._up, name, one.answer.good if asked else None)
            _put(self._latency, name, one.answer.latency)
            _put(self._disk_used, name, one.disk.used if one.disk else None)
            _put(self._disk_size, name, one.disk.limit if one.disk else None)
            _put(self._memory, name, one.memory.used if one.memory else None)
            _put(self._memory_limit, name, one.memory.limit if one.memory else None)
            _put(self._starts, name, one.container.restarts if one.container else None)
        for word in _STATUSES:
            self._status.labels(word).set(word == status)
        self._checked.set(time.time())

    def ledgers(self, services: Collection[str], found: Mapping[str, Ledger]) -> None:
        """Take over what is known of the services' ledgers."""
        for name in services:
            ledger = found.get(name)
            _put(self._version, name, int(ledger.version) if ledger else None)
            _put(self._ledger, name, not ledger.problems if ledger else None)

    def deliveries(self, counts: Mapping[str, Counts]) -> None:
        """Take over what became of alerts, by channel."""
        self._deliveries.counts = counts
        for channel, one in counts.items():
            self._waiting.labels(channel).set(one.waiting)

    def backups(self, status: Status | None) -> None:
        """Take over what the service that makes sets has written; None where there is none."""
        self._backups.status = status

    def _gauge(self, name: str, about: str, labels: tuple[str, ...] | list[str] = ("service",)) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", about, labels, registry=self.registry)

    def _counter(self, name: str, about: str, labels: list[str]) -> Counter:
        return Counter(f"{_PREFIX}_{name}", about, labels, registry=self.registry)


class _Deliveries(Collector):
    """Alerts by channel and result, counted elsewhere."""

    def __init__(self) -> None:
        self.counts: Mapping[str, Counts] = {}

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Return the counters as they are now."""
        about = "Alerts that a channel took, attempts that failed, and alerts that were given up"
        family = CounterMetricFamily(f"{_PREFIX}_alert_deliveries", about, labels=["channel", "result"])
        for channel, one in self.counts.items():
            for result in _RESULTS:
                family.add_metric([channel, result], getattr(one, result))
        yield family


def _put(gauge: Gauge, service: str, value: float | None) -> None:
    """Set a service's sample, or remove it where nothing is known: the last value would look like one of now."""
    if value is None:
        gauge.remove(service)
    else:
        gauge.labels(service).set(value)

"""Prometheus metrics, named as https://prometheus.io/docs/practices/naming/ advises: base units, one prefix, `_total` for counters."""

import time
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server

from monitor.ledgers import Ledger
from monitor.model import Observation

_PREFIX = "ai_karen"
_LATENESS_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STATUSES = ("healthy", "degraded", "down")


class Metrics:
    """This process's metrics, in a registry of their own."""

    def __init__(self, stack: str) -> None:
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
        self.deliveries = self._gauge(
            "alert_deliveries", "Alerts that a channel took or refused", ["channel", "result"]
        )
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
            self._up.labels(name).set(one.answer.good)
            if one.answer.latency is not None:
                self._latency.labels(name).set(one.answer.latency)
            if one.disk is not None:
                self._disk_used.labels(name).set(one.disk.used)
                self._disk_size.labels(name).set(one.disk.limit)
            if one.memory is not None:
                self._memory.labels(name).set(one.memory.used)
                self._memory_limit.labels(name).set(one.memory.limit)
            if one.container is not None:
                self._starts.labels(name).set(one.container.restarts)
        for word in _STATUSES:
            self._status.labels(word).set(word == status)
        self._checked.set(time.time())

    def ledgers(self, found: Mapping[str, Ledger]) -> None:
        """Take over what is known of the ledgers."""
        for name, ledger in found.items():
            self._version.labels(name).set(int(ledger.version))
            self._ledger.labels(name).set(not ledger.problems)

    def _gauge(self, name: str, about: str, labels: tuple[str, ...] | list[str] = ("service",)) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", about, labels, registry=self.registry)

    def _counter(self, name: str, about: str, labels: list[str]) -> Counter:
        return Counter(f"{_PREFIX}_{name}", about, labels, registry=self.registry)

"""Metrics: what is not known now has no sample, and what only grows is a counter."""

from dataclasses import replace

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from backup.service.status import Status
from monitor.alerts.courier import Counts
from monitor.ledgers import Ledger
from monitor.metrics import Metrics
from monitor.model import MAINTENANCE, Answer, Usage
from tests.unit.monitor.seen import failing, well


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_what_is_down_or_worked_on_leaves_no_old_values() -> None:
    metrics = Metrics("dev", ["redis"])
    one = replace(well("redis"), disk=Usage(used=1, limit=2), memory=Usage(used=1, limit=2))
    metrics.observe({"redis": one}, "healthy")
    metrics.ledgers(["redis"], {"redis": Ledger("003")})
    of_it = {name[0] for name in samples(metrics) if name[1:] == ("redis",)}
    assert {"ai_karen_service_check_duration_seconds", "ai_karen_service_memory_usage_bytes"} < of_it
    assert {"ai_karen_volume_used_bytes", "ai_karen_schema_version", "ai_karen_ledger_consistent"} < of_it
    metrics.observe({"redis": replace(failing("redis"), container=None)}, "down")
    metrics.ledgers(["redis"], {})
    found = samples(metrics)
    left = {name[0] for name in found if name[1:] == ("redis",)}
    assert left == {"ai_karen_service_up", "ai_karen_service_recoveries_total", "ai_karen_service_recoveries_created"}
    assert found["ai_karen_service_up", "redis"] == 0
    metrics.observe({"redis": replace(well("redis"), answer=Answer(status=MAINTENANCE))}, "healthy")
    assert ("ai_karen_service_up", "redis") not in samples(metrics)


def test_backups_are_told_as_long_as_they_are_made() -> None:
    metrics = Metrics("dev")
    metrics.backups(Status(at=1.0, next=7.0))
    assert samples(metrics)["ai_karen_backup_next_run_timestamp_seconds",] == 7
    metrics.backups(None)
    assert not any("backup" in name[0] for name in samples(metrics))


def test_counters_begin_with_nothing_and_what_waits_is_no_counter() -> None:
    metrics = Metrics("dev", ["redis"])
    assert samples(metrics)["ai_karen_service_recoveries_total", "redis"] == 0
    metrics.deliveries({"log": Counts(delivered=3, failed=2, given_up=1, waiting=4)})
    found = samples(metrics)
    assert {name[2]: value for name, value in found.items() if name[0] == "ai_karen_alert_deliveries_total"} == {
        "delivered": 3,
        "failed": 2,
        "given_up": 1,
    }
    assert found["ai_karen_alerts_waiting", "log"] == 4

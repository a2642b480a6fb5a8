"""What the monitor tells, and that it is kept alive itself. These tests come first: later ones measure an undisturbed monitor."""

import os
import signal

import pytest

from tests.e2e import clients
from tests.e2e.monitor.watching import Watching
from tests.e2e.operate.test_servers import document

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SERVERS = {"postgres", "redis", "elasticsearch", "etcd", "minio", "milvus"}


def test_the_stack_is_as_declared(watching: Watching) -> None:
    watching.stack.pulumi("preview", "--refresh", "--expect-no-changes")
    facts = watching.engine.api.inspect_container(watching.stack.container("monitor"))
    assert facts["Config"]["User"] == "10001:10001"
    assert not any(mount["Source"].endswith("docker.sock") for mount in facts["Mounts"])
    secret = watching.stack.variables()["POSTGRES_PASSWORD"]
    assert secret not in str(facts)
    assert secret not in watching.container("monitor").logs().decode()


def test_every_service_is_asked_and_told_everywhere(watching: Watching) -> None:
    watching.until(lambda: len(watching.metrics()) > 50, "metrics are there", within=30)
    told = watching.sample()["services"]
    assert set(told) == {*SERVERS, "duckdb"}
    metrics = watching.metrics()
    for service in told:
        assert metrics["ai_karen_service_up", service] == 1
        assert metrics["ai_karen_volume_size_bytes", service] > metrics["ai_karen_volume_used_bytes", service] > 0
        assert metrics["ai_karen_service_check_duration_seconds", service] > 0
    for service in SERVERS:
        limit = metrics["ai_karen_service_memory_limit_bytes", service]
        assert 0 < metrics["ai_karen_service_memory_usage_bytes", service] < limit
    watching.until(
        lambda: watching.metrics()["ai_karen_schema_version", "milvus"] == 2, "versions are known", within=60
    )
    watching.until(
        lambda: watching.metrics()["ai_karen_ledger_consistent", "postgres"] == 1, "ledgers are known", within=60
    )
    with clients.postgres(watching.stack.variables()) as connection:
        rows = connection.execute(
            "SELECT service_name, status, now() - last_check < interval '10 s' FROM service_health"
        ).fetchall()
    assert {row[0] for row in rows} == {*SERVERS, "duckdb"}
    assert all(row[1:] == ("healthy", True) for row in rows)


def test_the_status_has_the_last_sample_with_its_age(watching: Watching) -> None:
    told = document(watching.stack, "status")
    assert told["sample_age_seconds"] < 15
    assert told["alerts"] == []
    healths = {row["service"]: row["health"] for row in told["services"]}
    assert {healths.pop(service) for service in ("monitor", "proxy", "relay")} == {None}
    assert all(health.endswith(" ms") for health in healths.values())


def test_a_monitor_that_died_or_hung_is_started_again_and_says_so(watching: Watching) -> None:
    """On its way back it looks at what it looks at seldom: a file that is in use, and what was changed by hand."""
    env = watching.stack.variables()
    first = watching.worker()
    with clients.duckdb_file(env), clients.postgres(env) as connection:
        connection.execute("ALTER TABLE system_config ADD COLUMN by_hand int")
        try:
            os.kill(first, signal.SIGKILL)
            watching.until(lambda: watching.receiver.states("monitor/restarted"), "it says that it died", within=60)
            assert "ended with code -9" in watching.receiver.summary("monitor/restarted")
            watching.until(lambda: watching.status("duckdb") == "in use", "the file is in use", within=30)
            assert watching.sample()["status"] == "healthy"
            watching.until(lambda: watching.receiver.states("drift/postgres"), "the drift is told", within=60)
            assert "column system_config.by_hand was added" in watching.receiver.summary("drift/postgres")
            assert watching.metrics()["ai_karen_ledger_consistent", "postgres"] == 0
        finally:
            connection.execute("ALTER TABLE system_config DROP COLUMN by_hand")
    second = watching.worker()
    os.kill(second, signal.SIGSTOP)
    watching.until(lambda: watching.worker() not in (0, second), "a worker that hangs is replaced", within=90)
    for service in SERVERS:
        watching.until_well(service)

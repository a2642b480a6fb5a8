"""What is wrong now, as conditions."""

from dataclasses import replace
from datetime import timedelta

from monitor import rules
from monitor.causes import causes
from monitor.history import History
from monitor.ledgers import Ledger
from monitor.model import Observation, Usage
from monitor.observer import unasked
from monitor.record import rows
from monitor.sample import sample
from tests.unit.monitor.seen import WAITS, at, failing, well

MEBIBYTE = 1024 * 1024


def down(*observed: Observation, histories: dict[str, History], second: float, held: tuple[str, ...] = ()) -> list[str]:
    found = causes({one.service: one for one in observed}, WAITS, "dev")
    return [one.key for one in rules.down(found, histories, held, at(second))]


def test_a_cascade_is_one_alert_that_names_all() -> None:
    observed = {"etcd": failing("etcd", state="exited"), "minio": well("minio"), "milvus": failing("milvus")}
    histories = {name: History(failing_since=at(0)) for name in observed}
    found = list(rules.down(causes(observed, WAITS, "dev"), histories, (), at(20)))
    assert [one.key for one in found] == ["down/etcd"]
    assert found[0].summary.endswith("; with it milvus")


def test_a_hiccup_is_no_news_but_what_no_restart_helps_is_at_once() -> None:
    histories = {"redis": History(failing_since=at(0))}
    assert down(failing("redis", state="exited"), histories=histories, second=10) == []
    assert down(failing("redis", state="exited"), histories=histories, second=15) == ["down/redis"]
    assert down(failing("redis", state="missing"), histories=histories, second=1) == ["down/redis"]
    # Elasticsearch refuses the right password while it starts.
    assert down(failing("redis", "AuthenticationFailed"), histories=histories, second=10) == []
    assert down(failing("redis", "AuthenticationFailed"), histories=histories, second=15) == ["down/redis"]
    assert down(failing("redis", state="exited"), histories=histories, second=60, held=("redis",)) == []


def test_what_is_given_up_is_told() -> None:
    histories = {"redis": History(failing_since=at(0), given_up=True)}
    assert down(failing("redis"), histories=histories, second=60) == ["down/redis", "recovery-failed/redis"]
    stopped = {"redis": History(failing_since=at(0), given_up=True, crashing=True)}
    found = causes({"redis": failing("redis", state="exited")}, {}, "dev")
    assert "it was stopped" in list(rules.down(found, stopped, (), at(60)))[1].summary


def test_what_the_monitor_stopped_is_not_told_as_stopped_on_purpose() -> None:
    observed = {"redis": failing("redis", state="exited")}
    histories = {"redis": History(failing_since=at(0), given_up=True, crashing=True)}
    told = sample(observed, causes(observed, {}, "dev"), histories, {}, stopped=(), leased=(), conditions=(),
                  status="degraded", at=at(60))["services"]["redis"]  # fmt: skip
    assert (told["status"], told["given_up"]) == ("failed", True)
    assert "redis is exited" in told["error"]


def test_what_is_not_asked_keeps_its_row() -> None:
    observed = {"redis": replace(well("redis"), answer=unasked("redis", None)), "etcd": well("etcd")}
    assert list(rows(observed, {})) == ["etcd"]


def test_disks_and_memory_have_their_thresholds() -> None:
    def found(disk: float, memory: float, held: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        one = replace(
            well("redis"),
            disk=Usage(used=int(disk * MEBIBYTE), limit=MEBIBYTE),
            memory=Usage(used=int(memory * MEBIBYTE), limit=MEBIBYTE),
        )
        return [(one.key, one.severity) for one in rules.shortages({"redis": one}, held, "dev")]

    assert found(0.79, 0.89) == []
    assert found(0.81, 0.91) == [("disk/redis", "warning"), ("memory/redis", "warning")]
    assert found(0.91, 0.5) == [("disk/redis", "critical")]
    assert found(0.91, 0.91, held=("redis",)) == []


def test_a_disk_of_many_services_is_one_alert() -> None:
    disk = Usage(used=85, limit=100, device=7)
    observed = {name: replace(well(name), disk=disk) for name in ("redis", "milvus", "minio")}
    observed["etcd"] = replace(well("etcd"), disk=Usage(used=95, limit=100, device=8))
    told = {one.key: one for one in rules.shortages(observed, ("milvus",), "dev")}
    # Its name stays while somebody works on a service that gave it.
    assert {key: one.service for key, one in told.items()} == {"disk/etcd": "etcd", "disk/milvus": None}
    assert told["disk/milvus"].summary.startswith("the disk of milvus, minio, redis is used to 85%")
    assert [one.key for one in rules.shortages(observed, ("etcd",), "dev")] == ["disk/milvus"]


def test_a_container_engine_that_is_slow_for_a_moment_is_no_news() -> None:
    assert list(rules.blind("ReadTimeout", at(0), at(10), "dev")) == []
    assert [one.key for one in rules.blind("ReadTimeout", at(0), at(15), "dev")] == ["engine"]
    assert list(rules.blind(None, None, at(15), "dev")) == []


def test_three_starts_in_ten_minutes_are_a_loop() -> None:
    times = [at(0), at(100), at(200)]
    assert [one.key for one in rules.loops({"redis": times, "minio": times[:2]}, at(300), "dev")] == ["loop/redis"]
    assert list(rules.loops({"redis": times}, at(0) + timedelta(minutes=11), "dev")) == []


def test_drift_names_the_first_and_counts_the_rest() -> None:
    found = {"postgres": Ledger("003", ("column a.b was dropped", "table c was changed")), "milvus": Ledger("002")}
    told = list(rules.ledgers(found, (), "dev"))
    assert [one.key for one in told] == ["drift/postgres"]
    assert told[0].summary == "postgres: column a.b was dropped, and 1 more"
    assert list(rules.ledgers(found, ("postgres",), "dev")) == []

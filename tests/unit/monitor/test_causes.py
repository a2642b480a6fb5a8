"""Why a service fails, and whether a restart is the remedy."""

from dataclasses import replace
from typing import Any

import pytest

from monitor.causes import causes
from monitor.model import FAILED, MAINTENANCE, NO_ANSWER, Answer, Observation, Usage
from monitor.observer import unasked
from monitor.roots import overall
from tests.unit.monitor.seen import WAITS, failing, well


@pytest.mark.parametrize(
    ("facts", "kind", "code", "restart"),
    [
        ({"state": "exited", "exit_code": 137}, "ConnectionFailed", "exited", True),
        ({"state": "paused"}, NO_ANSWER, "paused", True),
        ({}, NO_ANSWER, "hung", True),
        ({}, "ConnectionFailed", "failed", True),
        ({"state": "restarting", "exit_code": 1}, "ConnectionFailed", "crashing", True),
        ({"state": "missing"}, "ConnectionFailed", "missing", False),
        ({"attached": False}, "ConnectionFailed", "cut off", False),
        ({}, "AuthenticationFailed", "refused", False),
    ],
)
def test_each_failure_has_a_name_and_a_remedy(facts: dict[str, Any], kind: str, code: str, restart: bool) -> None:
    found = causes({"redis": failing("redis", kind, **facts)}, {}, "dev")["redis"]
    assert (found.code, found.restart, found.own) == (code, restart, True)
    assert found.summary.startswith("redis")
    assert found.fix


def test_a_full_disk_explains_everything_else() -> None:
    one = replace(failing("postgres", state="exited"), disk=Usage(used=999, limit=1000))
    found = causes({"postgres": one}, {}, "dev")["postgres"]
    assert (found.code, found.restart) == ("full", False)
    # What was refused was too large for what is left.
    answer = Answer(status=FAILED, kind="VerificationFailed", message="redis: AOF: No space left on device", fix="")
    one = replace(failing("redis"), answer=answer, disk=Usage(used=88, limit=100))
    assert causes({"redis": one}, {}, "dev")["redis"].code == "full"


def test_the_last_hundredth_of_a_large_disk_is_not_nothing() -> None:
    gibibyte = 1024**3
    for left, code in ((4 * gibibyte, "exited"), (32 * 1024**2, "full")):
        disk = Usage(used=500 * gibibyte - left, limit=500 * gibibyte)
        one = replace(failing("redis", state="exited"), disk=disk)
        assert causes({"redis": one}, {}, "dev")["redis"].code == code


def test_what_somebody_works_on_is_not_asked_and_explains_what_needs_it() -> None:
    def answered(**facts: Any) -> Observation:
        one = well("etcd", **facts)
        return replace(one, answer=unasked("etcd", one.container))

    found = causes({"etcd": answered(), "milvus": failing("milvus")}, WAITS, "dev")
    assert {name: (one.root, one.restart) for name, one in found.items()} == {"milvus": ("etcd", False)}
    found = causes({"etcd": answered(state="exited"), "milvus": failing("milvus")}, WAITS, "dev")
    assert found["etcd"].code == "exited"
    assert found["milvus"].root == "etcd"
    assert unasked("duckdb", None).status == MAINTENANCE


def test_a_cascade_is_one_cause() -> None:
    observed = {"etcd": failing("etcd", state="exited"), "minio": well("minio"), "milvus": failing("milvus")}
    found = causes(observed, WAITS, "dev")
    assert {name: (one.root, one.own) for name, one in found.items()} == {
        "etcd": ("etcd", True),
        "milvus": ("etcd", False),
    }
    assert found["milvus"].summary.startswith("milvus fails because of etcd")


def test_what_has_no_server_is_never_restarted() -> None:
    answer = Answer(status=FAILED, kind="ConnectionFailed", message="duckdb: no file", fix="pulumi up")
    assert not causes({"duckdb": Observation(service="duckdb", answer=answer)}, {}, "dev")["duckdb"].restart


def test_the_rest_keeps_serving() -> None:
    services = ["postgres", "redis", "milvus"]
    assert overall(services, []) == "healthy"
    assert overall(services, ["milvus", "redis"]) == "degraded"
    assert overall(services, ["postgres"]) == "down"
    assert overall(["redis"], ["redis"]) == "down"

"""Why a service fails, and whether a restart is the remedy."""

from dataclasses import replace
from typing import Any

import pytest

from monitor.causes import causes
from monitor.model import FAILED, NO_ANSWER, Answer, Observation, Usage
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

"""Servers that stand still: stopped in their order and started in the other; one that fails keeps no other from running."""

from types import SimpleNamespace

import docker
import pytest

from init.resources.gate import UnhealthyError
from ops.backups import standing
from ops.backups.reporting import Reporter
from tests.unit.containers import refusal


class Containers:
    """Containers of which some do not exist, and some are not healthy once they are started."""

    def __init__(self, *, missing: str = "", unhealthy: str = "") -> None:
        self.missing, self.unhealthy, self.done = missing, unhealthy, list[str]()

    def stop(self, name: str, timeout: int) -> None:
        assert timeout > 45
        self._do("stop", name)

    def start(self, name: str) -> None:
        self._do("start", name)

    def _do(self, what: str, name: str) -> None:
        if name == self.missing:
            raise refusal(f"No such container: {name}", 404)
        self.done.append(f"{what} {name}")

    def wait(self, name: str, *, deadline_seconds: float) -> None:
        assert deadline_seconds > 60
        if name in (self.missing, self.unhealthy):
            raise UnhealthyError(f"The container {name} is not healthy.")
        self.done.append(f"healthy {name}")


@pytest.fixture
def containers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Containers:
    found = Containers(**getattr(request, "param", {}))
    monkeypatch.setattr(docker, "from_env", lambda **_: SimpleNamespace(api=found, close=lambda: None))
    monkeypatch.setattr(standing, "wait_until_healthy", found.wait)
    return found


def test_they_start_the_other_way_round(containers: Containers, capsys: pytest.CaptureFixture[str]) -> None:
    standing.stop("milvus", ["c-milvus", "c-etcd"], Reporter())
    standing.start("milvus", ["c-milvus", "c-etcd"], Reporter())
    standing.stop("redis", ["c-redis"], Reporter())
    started = ["start c-etcd", "healthy c-etcd", "start c-milvus", "healthy c-milvus"]
    assert containers.done == ["stop c-milvus", "stop c-etcd", *started, "stop c-redis"]
    told = capsys.readouterr().err.splitlines()
    assert told == [
        *(f"milvus: c-{one}" for one in ("milvus stops", "etcd stops", "etcd starts", "milvus starts")),
        "redis: stops",
    ]


@pytest.mark.parametrize("containers", [{"missing": "c-etcd"}, {"unhealthy": "c-etcd"}], indirect=True)
def test_one_that_does_not_come_back_is_named_and_the_others_run(containers: Containers) -> None:
    standing.stop("milvus", ["c-milvus", "c-etcd"], Reporter())
    with pytest.raises(UnhealthyError, match="c-etcd is not healthy"):
        standing.start("milvus", ["c-milvus", "c-etcd"], Reporter())
    assert containers.done[-1] == "start c-milvus"


def test_what_is_asked_of_running_servers_needs_no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(docker, "from_env")
    standing.stop("duckdb", [], Reporter())
    standing.start("duckdb", [], Reporter())

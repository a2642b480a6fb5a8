"""Restarts in threads of their own; and the disks that volumes lie on."""

import threading
import time
from pathlib import Path

from docker.errors import DockerException

from monitor.disks import disks
from monitor.restarting import Restarting


def ended(restarting: Restarting) -> list[str]:
    deadline = time.monotonic() + 5
    while not (found := restarting.ended()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def test_a_service_is_busy_until_its_restart_is_seen_to_be_over() -> None:
    restarting, go = Restarting(), threading.Event()

    def slow(_: str) -> None:
        go.wait(5)

    restarting.begin("redis", slow)
    assert restarting.ended() == []
    assert restarting.busy == {"redis"}
    go.set()
    assert ended(restarting) == ["redis"]
    assert restarting.busy == set()


def test_a_restart_that_fails_is_over_as_well() -> None:
    restarting = Restarting()

    def failing(_: str) -> None:
        raise DockerException("no such container")

    restarting.begin("redis", failing)
    assert ended(restarting) == ["redis"]


def test_volumes_on_one_disk_are_known_by_it(tmp_path: Path) -> None:
    for name in ("redis", "etcd"):
        (tmp_path / name).mkdir()
    found = disks(tmp_path, ["redis", "etcd", "milvus"])
    assert set(found) == {"redis", "etcd"}
    assert found["redis"].device == found["etcd"].device is not None

"""Leases as the monitor sees them: held while their count goes on, lost when it stands still."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.leases import LEASES, STOPPED, TTL_SECONDS, Lease, Leases, forget_stopped, stopped


def write(directory: Path, lease: Lease) -> None:
    (directory / LEASES).mkdir(exist_ok=True)
    (directory / LEASES / f"{lease.id}.json").write_text(json.dumps(lease.document()))


def test_a_lease_is_held_while_its_count_goes_on(tmp_path: Path) -> None:
    leases, one = Leases(tmp_path), Lease(id="a", holder="me", command="stop", services=("redis",))
    for number in range(20):
        one = replace(one, beat=number)
        write(tmp_path, one)
        assert leases.look(10.0 * number) == ([one], [])
    assert one.covers("redis")
    assert not one.covers("postgres")


def test_a_lease_whose_holder_is_gone_is_told_once(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    one = Lease(id="a", holder="me", command="stop")
    write(tmp_path, one)
    assert leases.look(0) == ([one], [])
    assert leases.look(TTL_SECONDS - 1) == ([one], [])
    assert leases.look(TTL_SECONDS) == ([], [one])
    assert leases.look(TTL_SECONDS + 1) == ([], [])


def test_a_closed_lease_is_gone_without_a_word(tmp_path: Path) -> None:
    write(tmp_path, Lease(id="a", holder="me", command="stop", closed=True))
    assert Leases(tmp_path).look(0) == ([], [])
    assert not list((tmp_path / LEASES).iterdir())


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"id": "a", "services": null}', '{"services": [], "x": 1}'])
def test_what_is_no_lease_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / LEASES).mkdir()
    (tmp_path / LEASES / "a.json").write_text(content)
    assert Leases(tmp_path).look(0) == ([], [])


def test_what_was_stopped_on_purpose_is_remembered_until_it_is_started(tmp_path: Path) -> None:
    assert stopped(tmp_path) == set()
    (tmp_path / STOPPED).mkdir()
    for service, value in (("redis", True), ("minio", False)):
        document = {"service": service, "stopped": value}
        (tmp_path / STOPPED / f"{service}.json").write_text(json.dumps(document))
    assert stopped(tmp_path) == {"redis"}
    forget_stopped(tmp_path, "redis")
    assert stopped(tmp_path) == set()


def test_two_leases_are_about_the_same_services_or_not() -> None:
    redis = Lease(id="a", holder="me", command="stop", services=("redis",))
    everything = Lease(id="b", holder="me", command="up")
    assert redis.overlaps(["redis", "minio"])
    assert not redis.overlaps(["minio"])
    assert redis.overlaps([])
    assert everything.overlaps(["minio"])

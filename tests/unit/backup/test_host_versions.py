"""A set of servers of other versions: what can be read is told, what cannot is refused before anything is read."""

import json
from typing import Any

import pytest

from bootstrap import state
from components.images import SERVICES, UPSTREAM, version
from ops.cli.backup.versions import differences
from ops.cli.errors import Refused
from tests.unit.backup.hosting import Machine, machine
from tests.unit.backup.making import STACK, directory, made

__all__ = ["machine"]


def told(name: str, theirs: str, ours: str, **details: bool) -> tuple[str, ...]:
    taken = {"server_version": theirs, "details": details}
    manifest: dict[str, Any] = {"id": "a-set", "engines": {name: {"taken": taken}}}
    return differences(manifest, [name], {name: ours} if ours else {})


@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [
        ("postgres", "17.4", "17"),
        ("postgres", "17.4", "17.4"),
        ("postgres", "17.4", ""),
        ("milvus", "", "2.3.5"),
        ("minio", "2026-02-12T00:00:00Z", "2026-02-12"),
    ],
)
def test_the_same_version_as_far_as_it_is_known_is_no_news(name: str, theirs: str, ours: str) -> None:
    assert told(name, theirs, ours) == ()


@pytest.mark.parametrize(
    ("name", "theirs", "ours", "details"),
    [
        ("postgres", "17.4", "17.11", {}),
        ("postgres", "14.2", "17", {"logical": True}),
        ("redis", "7.2.1", "8.0.2", {}),
        ("elasticsearch", "8.19.0", "9.4.3", {}),
        ("milvus", "3.0.0", "2.3.5", {}),
        ("minio", "2027-01-01", "2026-02-12", {}),
        ("duckdb", "2.0.0", "1.4.2", {}),
    ],
)
def test_another_version_that_can_be_read_is_told(name: str, theirs: str, ours: str, details: dict[str, bool]) -> None:
    assert told(name, theirs, ours, **details) == (
        f"{name}: the set was taken from version {theirs}, and here it is {ours}",
    )


@pytest.mark.parametrize(
    ("name", "theirs", "ours", "details"),
    [
        ("postgres", "16.9", "17.11", {}),
        ("postgres", "18.0", "17", {}),
        ("postgres", "18.0", "17", {"logical": True}),
        ("redis", "9.0.0", "8.0.2", {}),
        ("elasticsearch", "7.17.0", "9.4.3", {}),
        ("elasticsearch", "10.0.0", "9.4.3", {}),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_fix(
    name: str, theirs: str, ours: str, details: dict[str, bool]
) -> None:
    with pytest.raises(Refused) as caught:
        told(name, theirs, ours, **details)
    message, _, fix = str(caught.value).partition(" Fix: ")
    assert message.startswith(f"{name} of a-set was taken from version {theirs}, and here it is {ours}")
    assert message.endswith("Nothing was touched.")
    assert f"use a checkout whose {name} is of the major version {theirs.partition('.')[0]}" in fix
    assert ("--logical" in fix) == ((name, theirs) == ("postgres", "16.9"))


def test_a_part_that_is_not_whole_has_no_version() -> None:
    manifest = {"id": "a-set", "engines": {"redis": {"taken": None}}}
    assert differences(manifest, ["redis"], {"redis": "8.0.2"}) == ()


def test_images_tell_their_servers_versions() -> None:
    assert {name: version(name, "registry") for name in UPSTREAM} == {
        "postgres": "17",
        "redis": "8.0.2",
        "elasticsearch": "9.4.3",
        "etcd": "3.5.16",
        "minio": "2025-09-07",
        "milvus": "2.3.5",
        "proxy": "3.0.11",
    }
    assert {version(name, source) for name in ("postgres",) for source in ("build", "registry")} == {"17"}
    assert all(version(name, "build")[0].isdigit() for name in SERVICES)


def test_a_restore_compares_with_what_its_servers_were_last(machine: Machine) -> None:
    made(directory(machine.target))
    file = state.stack_file(STACK)
    document = json.loads(file.read_text())
    report = {"postgres": {"server_version": "17.11"}}
    verification = {"urn": "u::v", "type": "pulumi-python:dynamic/karen:Verification", "outputs": {"report": report}}
    document["checkpoint"]["latest"]["resources"].append(verification)
    file.write_text(json.dumps(document))
    restore = ("backup", "restore", "--only", "postgres", "--confirm", STACK)
    refused = machine.document(*restore, code=1)
    assert "taken from version 1.2, and here it is 17.11" in refused["error"]
    assert machine.steps == ["find"]

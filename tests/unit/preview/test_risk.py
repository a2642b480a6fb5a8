"""Which group a change is in; in doubt it is the worse one."""

from typing import Any

import pytest

from ops.cli.preview.review import review
from ops.cli.preview.risk import Risk
from policy.graph import BYTES, CONTAINER, NETWORK, PASSWORD, UNKNOWN, VOLUME
from tests.unit.preview.steps import DATA, SECRETS, document, state, step

DIRECTORY = "pulumi-python:dynamic/karen:HostDirectory"
INITIALIZATION = "pulumi-python:dynamic/karen:Initialization"
OTHER = {**DATA, "volumeName": "other"}


def groups(*steps: dict[str, Any], told: tuple[tuple[str, str], ...] = ()) -> dict[str, list[str]]:
    """Return the sentences of every group that has some."""
    found = review("test", document(*steps, told=told)).groups
    return {risk.name: [one.sentence for one in entries] for risk, entries in found.items() if entries}


def removed(kind: str, name: str, **inputs: Any) -> dict[str, Any]:
    return step("delete", state(kind, name, **inputs), None)


def replaced(kind: str, name: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return step("replace", state(kind, name, **old), state(kind, name, **new))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (removed(VOLUME, "redis-data"), "the volume `redis-data` is removed: what it holds is lost, or out of reach"),
        (replaced(VOLUME, "redis-data", {}, {"driver": "x"}), "the volume `redis-data` is made anew: what it holds"),
        (removed(PASSWORD, "redis-password"), "`redis-password` is removed: what the old one opens"),
        (replaced(PASSWORD, "redis-password", {}, {"length": 32}), "`redis-password` is generated anew"),
        (replaced(BYTES, "backups-identity-seed", {}, {"length": 32}), "`backups-identity-seed` is generated anew"),
        (removed(DIRECTORY, "duckdb-directory", path="/a"), "the directory `duckdb-directory` is removed"),
        (
            step("update", state(DIRECTORY, "duckdb-directory", path="/a"), state(DIRECTORY, "duckdb-directory", path="/b")),
            "`duckdb-directory` is another directory",
        ),
        (
            step("same", state(VOLUME, "redis-data", protect=True), state(VOLUME, "redis-data")),
            "`redis-data` is not protected any more",
        ),
    ],
)  # fmt: skip
def test_what_holds_data_or_opens_them_is_at_risk(changed: dict[str, Any], told: str) -> None:
    found = groups(changed)
    assert set(found) == {"DATA"}
    assert found["DATA"][0].startswith(told)


@pytest.mark.parametrize(
    ("volumes", "told"),
    [
        ([OTHER, SECRETS], "`redis-container` mounts `other` at `/data` instead of `redis-data`"),
        ([SECRETS], "`redis-container` does not mount `redis-data` at `/data` any more"),
    ],
)
def test_a_server_that_would_find_other_data_loses_its_own(volumes: list[dict[str, Any]], told: str) -> None:
    changed = replaced(CONTAINER, "redis-container", {}, {"volumes": volumes})
    assert groups(changed) == {
        "DATA": [told],
        "RESTART": ["`redis` stops and starts again: its container is made anew"],
    }


def test_a_volume_that_is_mounted_the_other_way_is_data_as_well() -> None:
    data = {"type": "volume", "source": "redis-data", "target": "/data"}
    lost = replaced(CONTAINER, "redis-container", {"volumes": None, "mounts": [data]}, {"volumes": None})
    assert groups(lost)["DATA"] == ["`redis-container` does not mount `redis-data` at `/data` any more"]
    same = replaced(CONTAINER, "redis-container", {}, {"volumes": [SECRETS], "mounts": [data]})
    assert set(groups(same)) == {"RESTART"}


def test_a_container_without_volumes_has_none_to_lose() -> None:
    assert set(groups(replaced(CONTAINER, "redis-container", {"volumes": None}, {"volumes": None}))) == {"RESTART"}


def test_another_volume_of_secrets_is_no_loss() -> None:
    changed = replaced(CONTAINER, "redis-container", {}, {"volumes": [DATA, {**SECRETS, "volumeName": "others"}]})
    assert set(groups(changed)) == {"RESTART"}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (removed(CONTAINER, "redis-container"), "`redis` stops: its container is removed"),
        (replaced(CONTAINER, "redis-container", {}, {"cpus": "1.0"}), "`redis` stops and starts again"),
        (replaced(NETWORK, "network-bridge", {}, {"internal": True}), "the network `network-bridge` is made anew"),
        (removed(VOLUME, "redis-secrets"), "the volume `redis-secrets` is removed: who reads it"),
        (replaced(VOLUME, "engine-socket", {}, {"driver": "x"}), "the volume `engine-socket` is made anew"),
    ],
)
def test_what_stops_a_server_is_a_restart(changed: dict[str, Any], told: str) -> None:
    found = groups(changed)
    assert set(found) == {"RESTART"}
    assert found["RESTART"][0].startswith(told)


def test_a_replacement_in_two_steps_is_one() -> None:
    old, new = state(VOLUME, "redis-data"), state(VOLUME, "redis-data", driver="x")
    steps = (
        step("delete-replaced", old, None),
        step("replace", old, new),
        step("create-replacement", None, new),
    )
    assert groups(*steps) == groups(*reversed(steps))
    assert [len(entries) for entries in groups(*steps).values()] == [1]


def test_who_needs_a_server_is_told_and_who_only_looks_after_it_is_not() -> None:
    def server(service: str, parent: str, *needs: str, operation: str = "same") -> dict[str, Any]:
        labels = [{"label": "com.ai-karen.service", "value": service}]
        new = state(CONTAINER, f"{service}-container", labels=labels)
        new["urn"] = f"urn:pulumi:test::ai-karen-db::karen:{parent}${CONTAINER}::{service}-container"
        new["dependencies"] = [
            f"urn:pulumi:test::ai-karen-db::karen:database:x${CONTAINER}::{one}-container" for one in needs
        ]
        return step(operation, {**new, "inputs": {**new["inputs"], "cpus": "1.0"}}, new)  # fmt: skip

    found = groups(
        server("etcd", "database:x", operation="replace"),
        server("milvus", "database:x", "etcd"),
        server("monitor", "operations:Monitor", "etcd", "milvus"),
    )
    assert found["RESTART"] == [
        "`etcd` stops and starts again: its container is made anew; `milvus` cannot do without it"
    ]


def test_everything_else_is_safe_and_told_in_few_lines() -> None:
    images = [
        step("update", state(INITIALIZATION, f"{name}-initialization", image="a"), state(INITIALIZATION, f"{name}-initialization", image="b"))
        for name in ("redis", "milvus")
    ]  # fmt: skip
    memory = step("update", state(CONTAINER, "redis-container"), state(CONTAINER, "redis-container", memory=96))
    created = step("create", None, state(VOLUME, "other-data"))
    assert groups(*images, memory, created, step("same", state(VOLUME, "a"), state(VOLUME, "a"))) == {
        "SAFE": [
            "created volume: `other-data`",
            "updated container: `redis-container`",
            "updated initialization (`image`): `milvus-initialization`, `redis-initialization`",
        ]
    }


def test_migrations_are_among_the_rest() -> None:
    told = (
        ("info", "postgres: migration 004_remove_tags is pending, and may remove data\n\n"),
        ("info", "duckdb: migration 002_add_tags is pending\nduckdb: could not be asked: compared with recorded state only"),
    )  # fmt: skip
    found = review("test", document(told=told))
    assert [one.sentence for one in found.groups[Risk.DATA]] == [
        "`postgres`: migration `004_remove_tags` is applied, and may remove data"
    ]
    assert [one.sentence for one in found.groups[Risk.SAFE]] == ["`duckdb`: migration `002_add_tags` is applied"]
    assert found.notes == ["duckdb: could not be asked: compared with recorded state only"]


def test_a_provider_says_pending_as_it_is_read_here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:  # fmt: skip
    from init.resources import data, initialization

    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "001_remove_tags.sql").write_text("DROP TABLE tags;\n")
    (tmp_path / "postgres" / "002_add_tags.sql").write_text("CREATE TABLE tags (id integer);\n")
    monkeypatch.setattr(data, "DIRECTORY", tmp_path)
    news = {
        "service": "postgres",
        "target": "",
        "migrations": initialization.checksums("postgres"),
        "container": UNKNOWN,
    }
    initialization.InitializationProvider().check({}, news)
    found = groups(told=(("info", capsys.readouterr().out),))
    assert found == {
        "DATA": ["`postgres`: migration `001_remove_tags` is applied, and may remove data"],
        "SAFE": ["`postgres`: migration `002_add_tags` is applied"],
    }


def test_a_refusal_is_told_alone_and_without_what_pulumi_puts_around_it() -> None:
    frame = "error: pulumi-python:dynamic/karen:Initialization resource 'a-initialization': property migrations value {map[]} has a problem: "
    told = (
        ("error", f"{frame}postgres/003_a.sql: edited. Fix: restore it\n"),
        ("error", "error: an unhandled error occurred: program exited with non-zero exit code: 1\n\n"),
    )
    found = review("test", document(removed(VOLUME, "redis-data"), told=told))
    assert found.errors == ["postgres/003_a.sql: edited. Fix: restore it"]
    assert not any(found.groups.values())
    assert not found.is_good


def test_a_failure_without_a_reason_is_one_all_the_same() -> None:
    told = "an unhandled error occurred: program exited with non-zero exit code: 1"
    found = review("test", document(removed(VOLUME, "redis-data"), told=(("error", f"error: {told}"),)))
    assert found.errors == [told]
    assert not any(found.groups.values())

"""What a stack declares before, during and after an upgrade, and what its data volumes carry."""

from typing import Any

from components.versions import ENGINE_LABEL
from tests.unit.graph import Graph, build

_FIRST, _SECOND = "ai-karen-prod-postgres-data", "ai-karen-prod-postgres-data-2"


def declared(**values: str) -> Graph:
    return build("prod", mode="production", imageSource="build", **values)[0]


def label(inputs: dict[str, Any]) -> str | None:
    return next((one["value"] for one in inputs["labels"] if one["label"] == ENGINE_LABEL), None)


def mounted(graph: Graph, container: str, path: str = "/var/lib/postgresql/data") -> str:
    volumes = graph.of(":Container")[container]["volumes"]
    return str(next(one["volumeName"] for one in volumes if one["containerPath"] == path))


def test_a_data_volume_carries_the_major_version_of_its_engine_and_others_none() -> None:
    found = {name: label(inputs) for name, inputs in declared().of(":Volume").items()}
    assert {name: version for name, version in found.items() if version} == {
        "postgres-data": "17", "redis-data": "8", "elasticsearch-data": "9", "etcd-data": "3.5", "milvus-data": "2.3",
        "minio-data": "3", "duckdb-data": "1",
    }  # fmt: skip


def test_a_volume_s_labels_are_never_a_reason_to_make_it_anew() -> None:
    graph = declared()
    assert graph.unchanged["postgres-data"] == ["labels"]


def test_while_the_next_volume_is_filled_the_server_keeps_its_own_and_another_one_has_the_next() -> None:
    graph = declared(dataVolumes="postgres=1+")
    assert (mounted(graph, "postgres-container"), mounted(graph, "postgres-next-container")) == (_FIRST, _SECOND)
    following = graph.of(":Container")["postgres-next-container"]
    assert [one["name"] for one in following["networksAdvanced"]] == ["ai-karen-upgrade-prod"]
    assert following["ports"] is None if "ports" in following else True
    assert graph.of(":SecretFiles")["postgres-secret-files"]["owned_volumes"] == [_SECOND]
    assert set(graph.of(":Volume")) == set(declared().of(":Volume"))


def test_until_pulumi_has_forgotten_the_old_volume_both_are_declared_and_protected() -> None:
    graph = declared(dataVolumes="postgres=2-")
    assert graph.of(":Volume")["postgres-data"]["name"] == _FIRST
    assert graph.of(":Volume")["postgres-data-2"]["name"] == _SECOND
    assert {"postgres-data", "postgres-data-2"} <= graph.protected
    assert mounted(graph, "postgres-container") == _SECOND
    assert "postgres-next-container" not in graph.of(":Container")


def test_afterwards_everybody_has_the_new_volume_alone() -> None:
    graph, outputs = build(
        "prod", mode="production", imageSource="build", dataVolumes="postgres=2", enableMonitoring="true"
    )
    assert mounted(graph, "monitor-container", "/volumes/postgres") == _SECOND
    assert outputs["outputs"]["operations"]["backups"]["servers"]["postgres"]["volume"] == _SECOND
    assert "postgres-data" not in graph.of(":Volume")


def test_in_production_each_server_with_data_has_what_refuses_to_make_it_anew() -> None:
    graph = declared(allowReplacing="redis", dataVolumes="elasticsearch=2-")
    allowed = {inputs["service"]: inputs["allowed"] for inputs in graph.of(":Replacement").values()}
    assert allowed == {
        "postgres": False, "redis": True, "elasticsearch": True, "etcd": False, "minio": False, "milvus": False
    }  # fmt: skip
    assert not build("dev")[0].of(":Replacement")


def test_of_what_a_container_is_made_from_only_what_changed_differs() -> None:
    def parts(**values: str) -> dict[str, str]:
        found: dict[str, str] = declared(**values).of(":Replacement")["postgres-replacement"]["definition"]
        return found

    before, after = parts(), parts(postgresCpus="1")
    assert {name for name in before if before[name] != after[name]} == {"cpus"}
    # ./karen rotate replaces where it has to, once it has asked.
    rotated = declared(passwordSerials="minio-administrator=2").of(":Replacement")["minio-replacement"]["definition"]
    assert rotated == declared().of(":Replacement")["minio-replacement"]["definition"]

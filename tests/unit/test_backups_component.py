"""Backups in the resource graph: what is always there, what the container may and may not have, and what jobs are told."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from backup.configuration import Configuration
from backup.keys import Signer, recipient_of
from components import preflight
from components.settings import Settings
from tests.unit.graph import Graph, build

BUCKET = {
    "backupTarget": "s3://sets/karen",
    "backupAccessKey": "an-access-key",
    "backupSecretKey": "a-secret-key",
    "backupEndpoint": "https://s3.example.org",
}


@pytest.fixture(scope="module")
def without() -> tuple[Graph, dict[str, Any]]:
    return build("dev")


@pytest.fixture(scope="module")
def enabled() -> tuple[Graph, dict[str, Any]]:
    return build("dev", enableBackups="true")


def job(built: tuple[Graph, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = built[1]["outputs"]["operations"]["backups"]
    return found


def files(graph: Graph, service: str) -> dict[str, str]:
    """Return the secret files of a service."""
    found: dict[str, str] = graph.of(":SecretFiles")[f"{service}-secret-files"]["files"]["value"]
    return found


def mounts(graph: Graph, service: str) -> dict[str, tuple[str, bool]]:
    """Return path → volume, and whether it may only be read."""
    volumes = graph.of(":Container")[f"{service}-container"]["volumes"]
    return {one["containerPath"]: (one["volumeName"], one.get("readOnly", False)) for one in volumes}


def test_volumes_and_keys_are_there_without_the_container(
    without: tuple[Graph, dict[str, Any]], enabled: tuple[Graph, dict[str, Any]]
) -> None:
    for kind in (":Volume", ":RandomBytes", ":RandomPassword"):
        assert set(without[0].of(kind)) == set(enabled[0].of(kind))
    assert set(without[0].of(":RandomBytes")) == {
        *("audit-seed", "authority-seed", "backups-identity-seed", "backups-signing-seed"),
    }
    assert set(enabled[0].of(":Container")) - set(without[0].of(":Container")) == {"backups-container"}
    assert files(without[0], "backups") == {}


def test_the_container_never_has_what_opens_sets(enabled: tuple[Graph, dict[str, Any]]) -> None:
    graph = enabled[0]
    identity = job(enabled)["identity"]
    assert identity.startswith("AGE-SECRET-KEY-1")
    assert identity not in repr([one.inputs for one in graph.registered])
    text = files(graph, "backups")["backup.json"]
    assert recipient_of(identity) in text
    assert "AGE-SECRET-KEY" not in text


def test_the_file_and_the_job_have_the_same_configuration(enabled: tuple[Graph, dict[str, Any]]) -> None:
    text = files(enabled[0], "backups")["backup.json"]
    document = json.loads(text)
    assert document == job(enabled)["configuration"]
    configuration = Configuration.parse(document)
    assert set(configuration.engines) == {"postgres", "redis", "elasticsearch", "etcd", "minio", "milvus", "duckdb"}
    assert configuration.engines["postgres"]["password"] == "generated-postgres-administrator-password"
    assert configuration.public == job(enabled)["public"] == Signer(job(enabled)["signing"]).public
    assert (configuration.retention.daily, configuration.retention.last) == (7, 3)


def test_nothing_secret_is_in_its_definition(enabled: tuple[Graph, dict[str, Any]]) -> None:
    inputs = enabled[0].of(":Container")["backups-container"]
    assert "generated-" not in repr(inputs)
    assert job(enabled)["signing"] not in repr(inputs)
    assert inputs["entrypoints"] == ["/opt/venv/bin/python", "-m", "backup.service"]
    assert inputs["restart"] == "always"
    assert inputs["capabilities"] == {"drops": ["ALL"]}
    assert inputs["user"] == f"{os.getuid()}:{os.getgid()}"


def test_it_mounts_target_staging_and_the_database_file(enabled: tuple[Graph, dict[str, Any]]) -> None:
    assert mounts(enabled[0], "backups") == {
        "/target": ("ai-karen-dev-backups-data", False),
        "/staging/backups": ("ai-karen-dev-backups-staging", False),
        "/staging/elasticsearch": ("ai-karen-dev-elasticsearch-staging", False),
        "/data/duckdb": ("ai-karen-dev-duckdb-data", False),
        "/operations": ("ai-karen-dev-operations-data", False),
        "/run/secrets": ("ai-karen-dev-backups-secrets", True),
    }


def test_a_directory_of_the_host_is_a_volume_that_points_there() -> None:
    graph, outputs = build("dev", backupTarget="/srv/backups", enableBackups="true")
    pointing = graph.of(":Volume")["backups-directory"]
    assert pointing["driverOpts"] == {"type": "none", "o": "bind", "device": "/srv/backups"}
    assert mounts(graph, "backups")["/target"][0] == pointing["name"]
    # Sets that were made before stay where they are.
    assert "driverOpts" not in graph.of(":Volume")["backups-data"]
    assert pointing["name"] in graph.of(":SecretFiles")["backups-secret-files"]["owned_volumes"]
    other, _ = build("dev", backupTarget="/srv/others", enableBackups="true")
    assert other.of(":Volume")["backups-directory"]["name"] != pointing["name"]
    assert outputs["outputs"]["operations"]["backups"]["configuration"]["target"] == {
        "kind": "directory",
        "path": "/target",
    }


def test_a_bucket_is_reached_over_a_network_of_its_own_in_production_alone() -> None:
    graph, outputs = build("prod", mode="production", enableBackups="true", **BUCKET)
    joined = [one["name"] for one in graph.of(":Container")["backups-container"]["networksAdvanced"]]
    assert joined == ["ai-karen-db-prod", "ai-karen-operations-prod"]
    found = outputs["outputs"]["operations"]["backups"]
    assert found["outside"] == "ai-karen-operations-prod"
    assert found["configuration"]["target"] == {
        "kind": "bucket",
        "bucket": "sets",
        "prefix": "karen",
        "endpoint": "https://s3.example.org",
        "region": "us-east-1",
        "access_key": "an-access-key",
        "secret_key": "a-secret-key",
    }
    inside, _ = build("dev", enableBackups="true", **BUCKET)
    assert set(inside.of(":Network")) == {"network-bridge", "backend-bridge"}


def test_amazon_s_own_endpoint_is_that_of_the_region() -> None:
    values = {**BUCKET, "backupRegion": "eu-central-1"}
    del values["backupEndpoint"]
    _, outputs = build("dev", **values)
    target = outputs["outputs"]["operations"]["backups"]["configuration"]["target"]
    assert target["endpoint"] == "https://s3.eu-central-1.amazonaws.com"


def test_jobs_are_told_every_server(without: tuple[Graph, dict[str, Any]]) -> None:
    servers = job(without)["servers"]
    assert set(servers) == {"postgres", "redis", "elasticsearch", "etcd", "minio", "milvus"}
    one = servers["postgres"]
    assert (one["container"], one["volume"]) == ("ai-karen-dev-postgres", "ai-karen-dev-postgres-data")
    assert (one["user"], one["path"]) == ("999:999", "/var/lib/postgresql/data")
    assert one["command"][0] == "postgres"
    assert one["image"] == without[0].of(":RemoteImage")["postgres-image"]["name"]


def test_what_is_restored_by_itself_is_told_to_commands_alone(enabled: tuple[Graph, dict[str, Any]]) -> None:
    named = build("dev", enableBackups="true", restoreDamaged="redis, duckdb,redis")
    assert job(enabled)["restore_damaged"] == []
    assert job(named)["restore_damaged"] == ["redis", "duckdb"]
    before, after = ({(one.typ, one.name): one.inputs for one in found[0].registered} for found in (enabled, named))
    assert before == after


def test_postgres_takes_replication_with_a_password_and_keeps_its_log_within_a_limit() -> None:
    graph, _ = build("dev", walKeepSize="512m")
    command = graph.of(":Container")["postgres-container"]["command"]
    assert {"hba_file=/run/secrets/pg_hba.conf", "wal_level=replica", "max_slot_wal_keep_size=512MB"} <= set(command)
    lines = files(graph, "postgres")["pg_hba.conf"].splitlines()
    assert [line for line in lines if line.split()[-1] == "trust" and not line.startswith("local")] == []
    assert "host replication all all scram-sha-256" in lines


def test_elasticsearch_and_jobs_share_a_volume_with_a_directory_for_each(without: tuple[Graph, dict[str, Any]]) -> None:
    graph = without[0]
    server, staging = "/usr/share/elasticsearch/staging", "ai-karen-dev-elasticsearch-staging"
    assert mounts(graph, "elasticsearch")[server] == (staging, False)
    assert f"path.repo={server}" in graph.of(":Container")["elasticsearch-container"]["envs"]
    assert graph.of(":SecretFiles")["elasticsearch-secret-files"]["directories"] == [
        {"volume": staging, "name": "sets", "owner": "1000:1000"},
        {"volume": staging, "name": "restores", "owner": job(without)["user"]},
    ]
    connection = job(without)["configuration"]["engines"]["elasticsearch"]
    assert (connection["staging"], connection["repository"]) == ("/staging/elasticsearch", server)
    assert job(without)["volumes"]["/staging/elasticsearch"] == staging


def test_jobs_mount_what_the_container_does_and_only_read_its_status(without: tuple[Graph, dict[str, Any]]) -> None:
    assert set(job(without)["volumes"]) == {
        "/target",
        "/staging/backups",
        "/staging/elasticsearch",
        "/data/duckdb:nocopy",
        "/operations:ro",
    }


def test_the_preflight_wants_a_directory_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    path = tmp_path / "disk"
    settings = Settings.parse({"backupTarget": str(path)})
    [problem] = preflight._backup_directory(settings)
    assert f"ai-karen-db:backupTarget is '{path}': no directory is there. Fix: mount or make it" in problem
    path.mkdir()
    assert not list(preflight._backup_directory(settings))
    assert not list(preflight._backup_directory(Settings()))

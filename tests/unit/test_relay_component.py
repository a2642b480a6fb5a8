"""The relay in the resource graph: where it is, what it is told, and what it is not."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from components.relay import STALE_SECONDS, is_recent
from database.settings import DatabaseSettings
from database.settings.minio import MinioSettings
from tests.unit.graph import Graph, build

OFF = {"enableElasticsearch": "false", "enableMilvus": "false"}


@pytest.fixture(scope="module")
def development() -> Graph:
    return build("dev")[0]


@pytest.fixture(scope="module")
def production() -> Graph:
    return build("prod", mode="production")[0]


def told(graph: Graph) -> dict[str, str]:
    """Return the variables that the relay is given."""
    files = graph.of(":SecretFiles")["relay-secret-files"]["files"]["value"]
    found: dict[str, str] = json.loads(files["relay.json"])
    return found


def container(graph: Graph) -> dict[str, Any]:
    return graph.of(":Container")["relay-container"]


@pytest.mark.parametrize("settings", [{"enableRelay": "false"}, OFF])
def test_without_anybody_to_deliver_to_there_is_no_container(development: Graph, settings: dict[str, str]) -> None:
    graph, _ = build("dev", **settings)
    assert "relay-container" not in graph.of(":Container")
    assert graph.of(":SecretFiles")["relay-secret-files"]["files"]["value"] == {}
    assert set(graph.of(":Volume")) == set(development.of(":Volume"))


def test_it_is_told_of_the_application_s_accounts_and_of_no_others(
    development: Graph, production: Graph, tmp_path: Path
) -> None:
    certificate = tmp_path / "ca.crt"
    certificate.touch()
    for graph in (development, production):
        variables = told(graph)
        here = {name: value.replace("/run/ai-karen/ca.crt", str(certificate)) for name, value in variables.items()}
        settings = DatabaseSettings.of(here)
        assert (settings.postgres.user, settings.elasticsearch.user) == ("karen_user", "karen_user")
        assert settings.postgres.host == "postgres"
        enabled = {name for name in DatabaseSettings.model_fields if getattr(getattr(settings, name), "enabled", False)}
        assert enabled == {"postgres", "elasticsearch", "milvus"}
        text = json.dumps(variables)
        accounts = ("administrator", "reader", "redis", "minio", "duckdb", "backups", "elasticsearch-administrator")
        assert not [name for name in accounts if f"generated-{name}" in text or f"{name}-password" in text]
        assert "generated-" not in repr(container(graph))


@pytest.mark.parametrize("missing", ["elasticsearch", "milvus"])
def test_an_engine_that_is_not_there_is_not_delivered_to(missing: str) -> None:
    graph, _ = build("dev", **{f"enable{missing.title()}": "false"})
    settings = DatabaseSettings.of(told(graph))
    assert not getattr(settings, missing).enabled
    assert settings.elasticsearch.enabled != settings.milvus.enabled
    assert settings.postgres.enabled


def test_other_passwords_are_another_container(development: Graph) -> None:
    def label(graph: Graph) -> str:
        found = {one["label"]: one["value"] for one in container(graph)["labels"]["value"]}
        return str(found["com.ai-karen.configuration"])

    other, _ = build("dev", postgresPassword="a given password")
    assert label(other) != label(development)


def test_it_is_on_the_data_network_alone_and_publishes_its_metrics_in_development(
    development: Graph, production: Graph
) -> None:
    for graph, network, ports in ((development, "ai-karen-db", [9465]), (production, "ai-karen-db-prod", [])):
        inputs = container(graph)
        assert [one["name"] for one in inputs["networksAdvanced"]] == [network]
        assert [one["external"] for one in inputs.get("ports") or ()] == ports
        assert "RELAY_METRICS_PORT=9465" in inputs["envs"]


def test_it_mounts_what_it_reads_and_writes_nowhere(development: Graph, production: Graph) -> None:
    def mounts(graph: Graph) -> dict[str, tuple[str, bool]]:
        found = container(graph)["volumes"]
        return {one["containerPath"]: (one["volumeName"], one.get("readOnly", False)) for one in found}

    assert mounts(development) == {"/run/secrets": ("ai-karen-dev-relay-secrets", True)}
    assert mounts(production) == {
        "/run/secrets": ("ai-karen-prod-relay-secrets", True),
        "/run/ai-karen": ("ai-karen-prod-authority-certificates", True),
    }
    assert told(production)["KAREN_CA_CERTIFICATE"].startswith("/run/ai-karen/")


def test_its_health_is_the_age_of_its_sign_of_life(tmp_path: Path, development: Graph) -> None:
    file = tmp_path / "heartbeat"
    _, *command = is_recent(str(file))

    def is_healthy() -> bool:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    assert not is_healthy()
    file.touch()
    assert is_healthy()
    old = time.time() - STALE_SECONDS - 5
    os.utime(file, (old, old))
    assert not is_healthy()
    assert container(development)["healthcheck"]["tests"] == is_recent("/tmp/heartbeat")


def test_an_application_is_told_whether_there_is_storage() -> None:
    off = {"enableMilvus": "false", "enableMinio": "false"}
    for settings, there in (({}, True), (off, False)):
        variables = build("dev", **settings)[1]["outputs"]["env"]["network"]
        assert MinioSettings.of({name: str(value) for name, value in variables.items()}).enabled is there

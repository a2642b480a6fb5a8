"""The resource graph: limits, what is published, what is secret."""

from typing import Any

import pytest

from components.sizes import mebibytes, parse_size
from tests.unit.graph import Graph, build

CONTAINERS = {"postgres", "redis", "elasticsearch", "etcd", "minio", "milvus", "relay"}


@pytest.fixture(scope="module")
def development() -> tuple[Graph, dict[str, Any]]:
    return build("dev")


@pytest.fixture(scope="module")
def production() -> tuple[Graph, dict[str, Any]]:
    return build("prod", mode="production")


def test_every_server_has_a_container(development: tuple[Graph, dict[str, Any]]) -> None:
    assert set(development[0].of(":Container")) == {f"{service}-container" for service in CONTAINERS}


def test_every_container_is_limited_and_hardened(development: tuple[Graph, dict[str, Any]]) -> None:
    for name, inputs in development[0].of(":Container").items():
        assert inputs["memory"] == inputs["memorySwap"] > 0, name
        assert float(inputs["cpus"]) > 0, name
        assert inputs["restart"] == ("always" if name == "relay-container" else "unless-stopped"), name
        assert inputs["securityOpts"] == ["no-new-privileges:true"], name
        assert inputs["capabilities"] == {"drops": ["ALL"]}, name
        assert inputs["logOpts"] == {"max-size": "10m", "max-file": "3"}, name
        assert inputs["user"].split(":")[0] not in ("", "0", "root"), name
        assert set(inputs["healthcheck"]) >= {"tests", "interval", "timeout", "startPeriod", "retries"}, name
        # A hash of passwords makes all of them secret.
        labels = inputs["labels"]["value"] if name == "relay-container" else inputs["labels"]
        assert {label["label"]: label["value"] for label in labels}["com.ai-karen.stack"] == "dev", name
        assert not inputs.get("wait"), name


def test_no_secret_is_in_an_environment_an_argument_or_a_label(development: tuple[Graph, dict[str, Any]]) -> None:
    for name, inputs in development[0].of(":Container").items():
        assert "generated-" not in repr(inputs), name


def test_development_publishes_on_loopback_only(development: tuple[Graph, dict[str, Any]]) -> None:
    ports = [port for inputs in development[0].of(":Container").values() for port in inputs.get("ports", [])]
    assert len(ports) == 7
    assert {port["ip"] for port in ports} == {"127.0.0.1"}


def test_production_publishes_nothing_on_an_internal_network(production: tuple[Graph, dict[str, Any]]) -> None:
    graph, _ = production
    assert not [port for inputs in graph.of(":Container").values() for port in inputs.get("ports", [])]
    closed = {name: inputs["internal"] for name, inputs in graph.of(":Network").items()}
    assert closed == {
        "network-bridge": True,
        "backend-bridge": True,
        "vectors-bridge": True,
        "operations-bridge": False,
    }


def test_stacks_share_no_name(
    development: tuple[Graph, dict[str, Any]], production: tuple[Graph, dict[str, Any]]
) -> None:
    def names(graph: Graph) -> set[str]:
        return {inputs["name"] for kind in (":Container", ":Volume", ":Network") for inputs in graph.of(kind).values()}

    assert not names(development[0]) & names(production[0])


def test_memory_follows_the_settings() -> None:
    graph, _ = build("dev", redisMemory="96m", postgresMemory="512m", postgresMaxConnections="40")
    containers = graph.of(":Container")
    assert containers["redis-container"]["memory"] == 96
    assert containers["postgres-container"]["memory"] == mebibytes(parse_size("512m"))
    assert "max_connections=40" in containers["postgres-container"]["command"]
    assert str(72 * 1024**2) in containers["redis-container"]["command"]


@pytest.mark.parametrize(
    ("flag", "gone"),
    [
        ("enableRedis", {"redis"}),
        ("enableElasticsearch", {"elasticsearch"}),
        ("enableMilvus", {"milvus", "etcd"}),
    ],
)
def test_a_flag_governs_containers_and_keeps_volumes_and_passwords(flag: str, gone: set[str]) -> None:
    everything, _ = build("dev")
    less, _ = build("dev", **{flag: "false"})
    assert set(less.of(":Container")) == {f"{service}-container" for service in CONTAINERS - gone}
    assert set(less.of(":Volume")) == set(everything.of(":Volume"))
    assert set(less.of(":RandomPassword")) == set(everything.of(":RandomPassword"))
    assert not set(less.of(":Initialization")) & {f"{service}-initialization" for service in gone}


def test_what_holds_credentials_is_secret(development: tuple[Graph, dict[str, Any]]) -> None:
    _, found = development
    assert found["secret"]["env"]
    assert found["secret"]["operations"]


def test_the_environment_has_the_names_of_the_original_design(development: tuple[Graph, dict[str, Any]]) -> None:
    names = {
        "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_MAX_CONNECTIONS",
        "ELASTICSEARCH_HOST", "ELASTICSEARCH_PORT", "ELASTICSEARCH_USER", "ELASTICSEARCH_PASSWORD", "ELASTICSEARCH_HEAP_SIZE",
        "MILVUS_HOST", "MILVUS_PORT", "MILVUS_USER", "MILVUS_PASSWORD", "MILVUS_MEMORY_LIMIT",
        "REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_MEMORY_LIMIT", "REDIS_URL", "DATABASE_URL",
        "DUCKDB_PATH", "DUCKDB_BACKUP_PATH",
        "ENABLE_MILVUS", "ENABLE_REDIS", "ENABLE_ELASTICSEARCH", "ENABLE_MINIO", "ENABLE_MONITORING", "ENABLE_BACKUPS",
    }  # fmt: skip
    for form in ("host", "network"):
        assert names <= set(development[1]["outputs"]["env"][form])
    assert development[1]["outputs"]["env"]["host"]["POSTGRES_HOST"] == "127.0.0.1"
    assert development[1]["outputs"]["env"]["network"]["POSTGRES_HOST"] == "postgres"


def test_the_host_form_of_production_says_that_nothing_is_published(production: tuple[Graph, dict[str, Any]]) -> None:
    environment = production[1]["outputs"]["env"]
    assert set(environment["host"]) == {"KAREN_NOT_PUBLISHED"}
    assert environment["network"]["MILVUS_USER"] == "milvus_user"

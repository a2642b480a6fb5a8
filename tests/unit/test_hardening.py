"""Every container of a stack, as it is declared: bound as the rules say, or with a line that says why not."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from docker.errors import APIError

from components.exceptions import EVERY, EXEMPTIONS, exempt
from init.resources import files
from init.resources.confinement import NO_RESOLVER, OPEN_FILES, refused
from ops import security_page
from ops.backups import jobs
from tests.unit.graph import Graph, build

EVERYTHING = {"enableMonitoring": "true", "enableBackups": "true"}
ALERTS = {"alertWebhook": "https://alerts.example.org/hook"}
BUCKET = {"backupTarget": "s3://sets", "backupAccessKey": "an-access-key", "backupSecretKey": "a-secret-key"}
DATA, BACKEND, OPERATIONS = "ai-karen-db-prod", "ai-karen-backend-prod", "ai-karen-operations-prod"
STORES = {"etcd", "minio", "milvus"}
TOOLBOX = {"monitor", "backups", "relay"}
VECTORS = "ai-karen-vectors-prod"


def containers(graph: Graph) -> dict[str, dict[str, Any]]:
    """Return each service's container."""
    return {name.removesuffix("-container"): inputs for name, inputs in graph.of(":Container").items()}


def networks(inputs: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the networks that a container joins, with its names there."""
    return {one["name"]: one["aliases"] for one in inputs.get("networksAdvanced") or ()}


@pytest.fixture(scope="module", params=["development", "production"])
def declared(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    found = containers(build("dev", mode=request.param, **EVERYTHING)[0])
    assert ("gateway" in found) == (request.param == "production")
    return found


@pytest.fixture(scope="module")
def production() -> dict[str, dict[str, Any]]:
    return containers(build("prod", mode="production", **EVERYTHING)[0])


def test_every_container_is_bound(declared: dict[str, dict[str, Any]]) -> None:
    assert set(declared) - {"gateway"} == {"postgres", "redis", "elasticsearch", "proxy"} | STORES | TOOLBOX
    for service, inputs in declared.items():
        assert inputs["readOnly"] is True, service
        assert inputs["capabilities"] == {"drops": ["ALL"]}, service
        assert inputs["securityOpts"] == ["no-new-privileges:true"], service
        assert inputs["memory"] == inputs["memorySwap"] == 2 * inputs["memoryReservation"] > 0, service
        assert inputs["cpuShares"] == round(float(inputs["cpus"]) * 1024) > 0, service
        assert {(one["name"], one["soft"], one["hard"]) for one in inputs["ulimits"]} == {
            ("nofile", OPEN_FILES, OPEN_FILES),
            ("core", 0, 0),
        }, service
        assert (inputs["logDriver"], inputs["logOpts"]) == ("json-file", {"max-size": "10m", "max-file": "3"}), service
        assert set(inputs["healthcheck"]) == {"tests", "interval", "timeout", "startPeriod", "retries"}, service


def test_what_is_otherwise_has_a_line(declared: dict[str, dict[str, Any]]) -> None:
    for service, inputs in declared.items():
        assert (inputs["restart"] != "unless-stopped") == (exempt("restart policy", service) is not None), service
        assert inputs["user"].split(":")[0] != "0" or exempt("user", service), service


def test_what_the_monitor_does_not_start_again_the_engine_does(production: dict[str, dict[str, Any]]) -> None:
    graph, _ = build("prod", mode="production", **EVERYTHING)
    told = json.loads(graph.of(":SecretFiles")["monitor-secret-files"]["files"]["value"]["monitor.json"])
    watched = set(told["containers"])
    assert {service for service, inputs in production.items() if inputs["restart"] == "always"} == set(
        production
    ) - watched
    assert "gateway" not in watched


def test_every_container_has_a_limit_of_processes() -> None:
    graph, _ = build("dev", postgresMaxConnections="150", **EVERYTHING)
    limits = {inputs["service"]: inputs for inputs in graph.of(":ProcessLimit").values()}
    assert set(limits) == set(containers(graph))
    for service, inputs in limits.items():
        assert inputs["container"] == f"{service}-container-id"
        assert 0 < inputs["limit"] <= 4096
    assert limits["postgres"]["limit"] > 150


def test_what_is_in_memory_is_small_its_owner_s_and_not_executed(declared: dict[str, dict[str, Any]]) -> None:
    for service, inputs in declared.items():
        uid, gid = inputs["user"].split(":")
        for path, options in (inputs.get("tmpfs") or {}).items():
            found = dict(one.partition("=")[::2] for one in options.split(","))
            assert {"noexec", "nosuid", "nodev"} <= set(found), (service, path)
            assert (found["mode"], found["uid"], found["gid"]) == ("0700", uid, gid), (service, path)
            assert int(found["size"].removesuffix("m")) <= 64, (service, path)


def test_stores_are_found_by_milvus_and_the_monitor_alone(production: dict[str, dict[str, Any]]) -> None:
    assert {service for service, inputs in production.items() if BACKEND in networks(inputs)} == STORES | {"monitor"}
    assert networks(production["etcd"]) == {BACKEND: ["etcd"]}
    # Only one of these is MinIO's on the backend network: Milvus does not go there by another.
    assert networks(production["minio"]) == {DATA: ["minio"], BACKEND: ["storage"]}
    assert "MINIO_ADDRESS=storage:9000" in production["milvus"]["envs"]


def test_applications_reach_milvus_through_its_gateway(production: dict[str, dict[str, Any]]) -> None:
    assert networks(production["milvus"]) == {VECTORS: ["vectors"], BACKEND: ["vectors"]}
    assert networks(production["gateway"]) == {DATA: ["milvus"], VECTORS: ["gateway"]}
    assert {service for service, inputs in production.items() if VECTORS in networks(inputs)} == {"milvus", "gateway"}
    [text] = production["gateway"]["command"]
    assert [line.split()[1] for line in text.splitlines() if line.strip().startswith("bind ")] == [
        ":19530", "127.0.0.1:8405"
    ]  # fmt: skip
    assert "server milvus vectors:19530 " in text
    without = build("prod", mode="production", enableMilvus="false")[0]
    assert "gateway-container" not in without.of(":Container")
    assert "vectors-bridge" not in without.of(":Network")


@pytest.mark.parametrize(
    ("told", "leaving"),
    [({}, set()), (ALERTS, {"monitor"}), (BUCKET, {"backups"}), (ALERTS | BUCKET, {"monitor", "backups"})],
)
def test_only_the_monitor_and_backups_leave_and_only_if_they_have_to(told: dict[str, str], leaving: set[str]) -> None:
    found = containers(build("prod", mode="production", **EVERYTHING, **told)[0])
    assert {service for service, inputs in found.items() if OPERATIONS in networks(inputs)} == leaving
    attached = {service: inputs for service, inputs in found.items() if inputs.get("networkMode") != "none"}
    assert {service for service, inputs in attached.items() if inputs.get("dns") != [NO_RESOLVER]} == leaving


def test_a_closed_network_ends_at_the_host() -> None:
    for name, inputs in build("prod", mode="production")[0].of(":Network").items():
        closed = inputs.get("options") == {"com.docker.network.bridge.inhibit_ipv4": "true"}
        assert closed == inputs["internal"] == (name != "operations-bridge")


def test_nothing_is_left_to_the_default_bridge(declared: dict[str, dict[str, Any]]) -> None:
    for service, inputs in declared.items():
        assert bool(networks(inputs)) != (inputs.get("networkMode") == "none"), service


def test_jobs_that_ask_every_engine_are_told_both_networks() -> None:
    _, found = build("prod", mode="production")
    told = found["outputs"]["operations"]["verification"]
    assert (told["network"], told["backend"]) == (DATA, BACKEND)


def test_every_exemption_says_why_and_is_about_something() -> None:
    known = {"postgres", "redis", "elasticsearch", "proxy", "gateway", EVERY} | STORES | TOOLBOX
    for one in EXEMPTIONS:
        assert one.otherwise
        assert len(one.reason.split()) > 5
        assert all(
            service in known or service.startswith(("job ", "volume ", "network ", "pulumi "))
            for service in one.services
        ), one
    assert len({(one.rule, one.services) for one in EXEMPTIONS}) == len(EXEMPTIONS)


def test_capabilities_of_jobs_are_those_of_the_table() -> None:
    told = {one.services[0]: one.otherwise for one in EXEMPTIONS if one.rule == "capabilities"}
    for name, capabilities in (("job files-*", files._CAPABILITIES), ("job backup", jobs._READING)):
        words = set(told[name].replace(",", "").split())
        assert {word for word in words if word.isupper()} == set(capabilities)


def test_an_engine_with_too_few_open_files_is_told_with_the_fix() -> None:
    said = "runc create failed: error setting rlimits for ready process: error setting rlimit type 7: operation not permitted"
    assert f"Fix: let the container engine have at least {OPEN_FILES} open files" in refused(
        APIError("", explanation=said)
    )
    assert refused(APIError("", explanation="network x not found")) == "network x not found"


def test_the_page_has_the_table_of_the_code() -> None:
    text = security_page.PAGE.read_text(encoding="utf-8")
    assert text == security_page.written(text), "Fix: make docs"

"""Who has certificates: every server of production, in development where that is asked for; and what clients are told of them."""

import base64
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg.conninfo
import pytest
import redis

from components.naming import CERTIFICATE_LABEL
from init import transport
from init.resources import x509
from init.resources.certificate import CertificateProvider
from tests.unit.graph import Graph, build

SERVERS = ("postgres", "redis", "elasticsearch", "etcd", "minio", "milvus")
CLIENTS = ("postgres", "redis", "elasticsearch", "minio", "milvus")
SEED = base64.b64encode(os.urandom(32)).decode()


@pytest.fixture(scope="module")
def production() -> tuple[Graph, dict[str, Any]]:
    graph, found = build("prod", mode="production", enableMonitoring="true", enableBackups="true")
    return graph, found["outputs"]


@pytest.fixture(scope="module")
def development() -> tuple[Graph, dict[str, Any]]:
    graph, found = build("dev")
    return graph, found["outputs"]


def files(graph: Graph, service: str) -> dict[str, str]:
    found: dict[str, str] = graph.of(":SecretFiles")[f"{service}-secret-files"]["files"]["value"]
    return found


def labels(graph: Graph, service: str) -> dict[str, str]:
    return {one["label"]: one["value"] for one in graph.of(":Container")[f"{service}-container"]["labels"]}


def test_every_server_of_production_has_its_certificate_by_file(production: tuple[Graph, dict[str, Any]]) -> None:
    graph, outputs = production
    authority = outputs["operations"]["verification"]["engines"]["redis"][transport.KEY]
    issued = graph.of(":Certificate")
    assert set(issued) == {f"{one}-certificate" for one in (*SERVERS, "authority")}
    for service in SERVERS:
        found, (names, *_) = files(graph, service), issued[f"{service}-certificate"]["names"]
        certificate, key = ("public.crt", "private.key") if service == "minio" else ("tls.crt", "tls.key")
        assert names == service
        assert found["ca.crt"] == authority
        assert x509.private_key(issued[f"{service}-certificate"]["seed"]["value"], found[certificate]) == found[key]
        # With another certificate, it is another container, which reads it.
        assert labels(graph, service)[CERTIFICATE_LABEL] == x509.fingerprint(found[certificate])[:12]
    assert "storage" in issued["minio-certificate"]["names"]


def test_the_authority_is_protected_with_volumes_and_passwords(production: tuple[Graph, dict[str, Any]]) -> None:
    graph, _ = production
    assert {"authority-seed", "postgres-data", "postgres-application-password"} <= graph.protected


def test_no_key_is_an_output_of_a_resource() -> None:
    names = ["redis"]
    given = {
        "stack": "prod",
        "service": "redis",
        "seed": SEED,
        "names": names,
        "days": 365,
        "renew_days": 30,
        "path": "",
    }
    made = CertificateProvider().create(given).outs
    assert made is not None
    assert set(made) - set(given) == {"certificate", "expires"}
    assert "PRIVATE" not in made["certificate"]


def test_development_is_not_encrypted_unless_asked_for(development: tuple[Graph, dict[str, Any]]) -> None:
    graph, outputs = development
    assert graph.of(":Certificate") == {}
    # As of any engine, its secret stays where it is while it is off.
    assert "authority-seed" in graph.of(":RandomBytes")
    assert not any("tls.key" in files(graph, service) for service in CLIENTS)
    variables = outputs["env"]["host"]
    assert variables["DATABASE_URL"].endswith("/ai_karen")
    assert variables["REDIS_URL"].startswith("redis://")
    assert "KAREN_CA_CERTIFICATE" not in variables
    assert (variables["MINIO_SECURE"], variables["MILVUS_SECURE"], variables["ELASTICSEARCH_SCHEME"]) == (
        "false",
        "false",
        "http",
    )
    told = outputs["operations"]["verification"]["engines"]
    assert not any(transport.KEY in connection for connection in told.values())


def test_what_is_off_has_no_certificate() -> None:
    graph, _ = build("prod", mode="production", enableElasticsearch="false", enableMilvus="false", enableMinio="false")
    assert set(graph.of(":Certificate")) == {f"{one}-certificate" for one in ("postgres", "redis", "authority")}


def test_production_may_be_told_to_go_without() -> None:
    graph, found = build("prod", mode="production", tls="false")
    assert graph.of(":Certificate") == {}
    assert found["outputs"]["env"]["network"]["REDIS_URL"].startswith("redis://")


def test_applications_are_told_to_verify(production: tuple[Graph, dict[str, Any]]) -> None:
    variables = production[1]["env"]["network"]
    path = "/run/ai-karen/ca.crt"
    assert variables["KAREN_CA_CERTIFICATE"] == variables["PGSSLROOTCERT"] == path
    assert variables["PGSSLMODE"] == "verify-full"
    told = psycopg.conninfo.conninfo_to_dict(variables["DATABASE_URL"])
    assert (told["sslmode"], told["sslrootcert"], told["dbname"]) == ("verify-full", path, "ai_karen")
    address = urlsplit(variables["REDIS_URL"])
    assert (address.scheme, parse_qs(address.query)) == ("rediss", {"ssl_ca_certs": [path]})
    with redis.Redis.from_url(variables["REDIS_URL"]) as client:
        assert client.connection_pool.connection_kwargs["ssl_ca_certs"] == path
    assert (variables["MINIO_SECURE"], variables["MILVUS_SECURE"], variables["ELASTICSEARCH_SCHEME"]) == (
        "true",
        "true",
        "https",
    )


def test_an_application_of_this_host_finds_the_authority_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KAREN_HOME", str(tmp_path))
    graph, found = build("dev", tls="true")
    path = str(tmp_path / "certificates" / "dev" / "ca.crt")
    assert graph.of(":Certificate")["authority-certificate"]["path"] == path
    assert found["outputs"]["env"]["host"]["KAREN_CA_CERTIFICATE"] == path
    assert found["outputs"]["env"]["network"]["KAREN_CA_CERTIFICATE"] == "/run/ai-karen/ca.crt"


def test_the_monitor_and_backups_verify_as_well(production: tuple[Graph, dict[str, Any]]) -> None:
    graph, _ = production
    for service, name in (("monitor", "monitor.json"), ("backups", "backup.json")):
        assert files(graph, service)[name].count("BEGIN CERTIFICATE") == len(SERVERS)


def test_the_monitor_knows_until_when(production: tuple[Graph, dict[str, Any]]) -> None:
    told = json.loads(files(production[0], "monitor")["monitor.json"])["certificates"]
    assert set(told) == set(SERVERS)
    assert all(datetime.fromisoformat(one) > datetime.now(UTC) + timedelta(days=364) for one in told.values())


def test_whoever_an_application_runs_as_reads_the_authority(production: tuple[Graph, dict[str, Any]]) -> None:
    shared = production[0].of(":SecretFiles")["authority-files"]
    assert (shared["mode"], list(shared["files"]["value"])) == (stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH, ["ca.crt"])


class TestProvider:
    """Issuing anew: other names, another seed, or little time left."""

    PROPS: dict[str, Any] = {  # noqa: RUF012 - never changed
        "stack": "dev",
        "service": "redis",
        "seed": SEED,
        "names": ["redis"],
        "days": 365,
        "renew_days": 30,
        "path": "",
        "certificate": None,
        "expires": None,
    }

    def diff(self, olds: dict[str, Any], **changes: Any) -> bool:
        return bool(CertificateProvider().diff("", olds, {**self.PROPS, **changes}).changes)

    def test_it_stays_until_it_is_due(self) -> None:
        fresh = {**self.PROPS, **CertificateProvider().apply(self.PROPS)}
        assert not self.diff(fresh)
        assert self.diff(fresh, names=["redis", "cache"])
        assert self.diff(fresh, seed=base64.b64encode(os.urandom(32)).decode())
        late = {**self.PROPS, **CertificateProvider().apply({**self.PROPS, "days": 29.5})}
        assert self.diff(late)

    def test_a_file_of_this_host_is_kept_right(self, tmp_path: Path) -> None:
        path = tmp_path / "certificates" / "dev" / "ca.crt"
        props = {**self.PROPS, "names": [], "path": str(path)}
        provider = CertificateProvider()
        first = {**props, **provider.apply(props)}
        assert path.read_text() == first["certificate"]
        assert not provider.diff("", first, props).changes
        assert provider.read("", first).outs == first
        path.write_text("something else")
        refreshed = provider.read("", first).outs
        assert refreshed is not None
        assert provider.diff("", refreshed, props).changes
        second = {**props, **provider.apply(props)}
        provider.delete("", first)
        assert path.read_text() == second["certificate"]
        provider.delete("", second)
        assert not path.parent.exists()

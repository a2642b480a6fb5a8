"""Servers as production declares them: who verifies them is let in, who does not encrypt or trusts another authority is not."""

import asyncio
import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from components.images import reference
from components.urls import database_url
from database import DatabaseManager, DatabaseSettings, SyncDatabaseManager
from init.resources import x509
from tests.contract.containers import SOURCE, Contract
from tests.contract.database.wire import Wire
from tests.contract.declared import SERVICES, declared

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def encrypted() -> Iterator[Contract]:
    with Contract.session("encrypted") as contract:
        for service in SERVICES:
            contract.start(service, **declared(service).changes)
        for service in SERVICES:
            contract.healthy(service)
        yield contract


@pytest.fixture(scope="module")
def answers(encrypted: Contract) -> dict[str, dict[str, str]]:
    """Return what a client on the network was told."""
    connections = {service: dict(declared(service).connection) for service in SERVICES}
    request = {"connections": connections, "other": _other_authority()}
    program = Path(__file__).with_name("transport_program.py").read_text(encoding="utf-8")
    command = [
        *("docker", "run", "--rm", "-i", "--network", encrypted.name, "--label", "com.ai-karen.test"),
        *("--read-only", "--tmpfs", "/tmp", "--entrypoint", "python", reference("toolbox", SOURCE), "-c", program),
    ]
    done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, str]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_who_verifies_is_let_in(answers: dict[str, dict[str, str]], service: str) -> None:
    assert (answers[service]["verified"], answers[service]["backup"]) == ("accepted", "accepted")


@pytest.mark.parametrize("service", SERVICES)
def test_who_trusts_another_authority_goes_no_further(answers: dict[str, dict[str, str]], service: str) -> None:
    assert answers[service]["other"].startswith("ConnectionFailed"), answers[service]
    # The library of Milvus' protocol does not tell why.
    if service != "milvus":
        assert "Fix: ./karen certificates renew" in answers[service]["other"]


@pytest.mark.parametrize("service", SERVICES)
def test_who_does_not_encrypt_is_refused(answers: dict[str, dict[str, str]], service: str) -> None:
    assert not answers[service]["plain"].startswith("accepted"), answers[service]
    # Whoever looks whether a password is still good is not told that it is not.
    assert not answers[service]["plain"].startswith("AuthenticationFailed"), answers[service]


@pytest.mark.parametrize("service", [one for one in SERVICES if one != "etcd"])
def test_the_client_library_verifies_alike(
    answers: dict[str, dict[str, str]], encrypted: Contract, service: str, tmp_path: Path
) -> None:
    """With variables as a stack prints them; `answers` has given Milvus' administrator its password."""
    assert answers[service]["verified"] == "accepted"
    port = int(declared(service).connection.get("port") or {"elasticsearch": 9200, "minio": 9000}[service])
    own, other = tmp_path / "ca.crt", tmp_path / "other.crt"
    own.write_text(declared(service).connection["ca_certificate"])
    other.write_text(_other_authority())
    with closing(Wire(lambda: encrypted.address(service), port)) as wire:
        told = {path: _healths(service, _variables(service, wire.port, path)) for path in (own, other)}
    assert told[own] == ["ok", "ok"]
    assert told[other] == ["down", "down"]


@pytest.mark.parametrize("store", ["etcd", "minio"])
def test_milvus_goes_no_further_where_a_store_has_another_authority(store: str) -> None:
    changes = declared("milvus").changes
    files = {**changes["secrets"], "other.crt": _other_authority()}
    with Contract.session("encrypted-otherwise") as contract:
        for service in ("etcd", "minio"):
            contract.start(service, **declared(service).changes)
            contract.healthy(service)
        container = contract.start("milvus", **{**changes, "secrets": files, **_trusting_another(store)})
        deadline = time.monotonic() + 120
        while b"certificate signed by unknown authority" not in container.logs():
            assert time.monotonic() < deadline, container.logs(tail=20).decode(errors="replace")
            time.sleep(0.5)
        container.reload()
        assert container.status == "exited" or container.exec_run(list(changes["health"])).exit_code != 0


def _trusting_another(store: str) -> dict[str, Any]:
    """Return what has Milvus, but not what waits for the stores before it, verify one of them with another authority."""
    changes, other = declared("milvus").changes, "/run/secrets/other.crt"
    if store == "etcd":
        return {"environment": {**changes["environment"], "ETCD_SSL_TLSCACERT": other}}
    *shell, line = changes["command"]
    line = line.replace("/run/secrets/ca.crt", other).replace("exec milvus", f"exec env SSL_CERT_FILE={other} milvus")
    return {"command": [*shell, line]}


def _other_authority() -> str:
    return x509.authority(base64.b64encode(os.urandom(32)).decode(), "contract", days=1)


def _healths(service: str, variables: Mapping[str, str]) -> list[str]:
    """Return how an engine is to a client of coroutines, and to one of threads."""
    only = {f"ENABLE_{one.upper()}": "false" for one in (*SERVICES, "duckdb") if one not in (service, "etcd")}
    settings = DatabaseSettings.of({**variables, **only, "DATABASE_TELEMETRY": "off", "DATABASE_SLOW_HEALTH": "10"})

    async def ask() -> str:
        async with DatabaseManager(settings) as manager:
            return (await manager.health())[service].status

    with SyncDatabaseManager(settings) as manager:
        return [asyncio.run(ask()), manager.health()[service].status]


def _variables(service: str, port: int, authority: Path) -> dict[str, str]:
    """Return an application's variables, as the components' `environment` has them."""
    connection = declared(service).connection
    user, password = (str(connection.get(name, "")) for name in ("user", "password"))
    if service == "postgres":
        verified = {"sslmode": "verify-full", "sslrootcert": str(authority)}
        url = database_url("postgresql", user, password, "127.0.0.1", port, connection["database"], verified)
        return {"DATABASE_URL": url}
    if service == "redis":
        named = {"ssl_ca_certs": str(authority)}
        url = database_url("rediss", connection["username"], password, "127.0.0.1", port, "0", named)
        return {"REDIS_URL": url, "REDIS_TLS": "true", "KAREN_CA_CERTIFICATE": str(authority)}
    prefix = service.upper()
    place = {f"{prefix}_HOST": "127.0.0.1", f"{prefix}_PORT": str(port), "KAREN_CA_CERTIFICATE": str(authority)}
    if service == "minio":
        keys = {"MINIO_ACCESS_KEY": connection["access_key"], "MINIO_SECRET_KEY": connection["secret_key"]}
        return {**place, **keys, "MINIO_SECURE": "true"}
    flag = {"ELASTICSEARCH_SCHEME": "https"} if service == "elasticsearch" else {"MILVUS_SECURE": "true"}
    return {**place, **flag, f"{prefix}_USER": user, f"{prefix}_PASSWORD": password}

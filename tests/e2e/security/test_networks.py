"""Whom a production stack reaches, and who reaches it: from this host, from an application's container, from each server."""

import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from init.resources.confinement import NO_RESOLVER
from tests.e2e.security.conftest import DATABASES, SERVICES, Secured
from tests.e2e.security.probing import Outside, outside
from tests.e2e.security.scanning import addresses, open_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
# Milvus: applications' port, its metrics, and a port of each of its components. Only the first asks for a password.
MILVUS = {19530, 9091, 19529, 19531, 13333, 21121, 21123, 21124, 53100}
# For others of their kind, of which there are none.
PEERS = {9300, 2380}
# What each server listens at, or would.
PORTS = {
    "postgres": [5432],
    "redis": [6379],
    "elasticsearch": [9200, 9300],
    "etcd": [2379, 2380],
    "minio": [9000, 9001],
    "gateway": [19530],
    "milvus": [19530, 9091],
    "monitor": [9464],
    "relay": [9465],
}


@pytest.fixture(scope="module")
def outer(secured: Secured) -> Iterator[Outside]:
    with outside(secured.engine, secured.live.name) as found:
        yield found


def networks(secured: Secured, service: str) -> dict[str, str]:
    """Return the networks of a service's container, with its address on each."""
    found = secured.container(service).attrs["NetworkSettings"]["Networks"]
    return {name: one["IPAddress"] for name, one in found.items()}


def test_a_scan_of_this_host_finds_nothing_of_the_stack(secured: Secured) -> None:
    for service in SERVICES:
        assert not any((secured.container(service).attrs["NetworkSettings"]["Ports"] or {}).values()), service
    assert open_ports() - secured.open_before == set()
    known = sorted(port for ports in PORTS.values() for port in ports)
    for address in addresses():
        assert open_ports(address, known) - secured.open_before == set(), address


def test_this_host_has_no_way_to_a_container(secured: Secured) -> None:
    """Neither an address on their networks nor a route there; nothing is sent, for without a route it would leave the host."""
    if os.environ.get("DOCKER_HOST", "unix:").partition(":")[0] != "unix":
        return
    here = [ipaddress.ip_address(_address(line.split()[1])) for line in _routes()]
    for name in (secured.naming.network, secured.naming.backend, secured.naming.vectors):
        facts = secured.engine.networks.get(name).attrs
        assert facts["Internal"] is True
        subnet = ipaddress.ip_network(facts["IPAM"]["Config"][0]["Subnet"])
        assert not [one for one in here if one in subnet], name


def _routes() -> list[str]:
    return Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]


def _address(text: str) -> bytes:
    return bytes.fromhex(text)[::-1]


def test_nothing_is_on_the_default_bridge(secured: Secured) -> None:
    for service in SERVICES:
        assert "bridge" not in networks(secured, service), service


def test_the_probe_sees_what_is_open(outer: Outside) -> None:
    """The control: all that is looked for is found from where nothing is closed."""
    assert outer.seen_from(outer.network) == set(outer.places())


@pytest.mark.parametrize("service", DATABASES)
def test_a_server_reaches_nothing_outside_names_included(secured: Secured, outer: Outside, service: str) -> None:
    container = secured.container(service)
    assert container.attrs["HostConfig"]["Dns"] == [NO_RESOLVER]
    assert outer.seen_from(f"container:{container.id}") == set()


def test_only_who_has_to_leaves(secured: Secured, outer: Outside) -> None:
    """The monitor of this stack has a webhook; its sets are on a volume."""
    seen = outer.seen_from(f"container:{secured.container('monitor').id}")
    assert {what for what in outer.places() if what.startswith("the host")} <= seen
    for service in ("backups", "relay"):
        assert outer.seen_from(f"container:{secured.container(service).id}") == set()
    assert set(networks(secured, "monitor")) - set(networks(secured, "minio")) == {secured.naming.operations}
    assert secured.container("proxy").attrs["HostConfig"]["NetworkMode"] == "none"


def test_an_application_finds_the_engines_and_not_what_is_behind_them(secured: Secured, outer: Outside) -> None:
    etcd, storage, vectors = (
        networks(secured, service)[secured.naming.backend] for service in ("etcd", "minio", "milvus")
    )
    engines = {name: (name, PORTS[name][0]) for name in ("postgres", "redis", "elasticsearch", "minio", "milvus")}
    behind = {"by name": ("etcd", 2379), "by address": (etcd, 2379), "MinIO by name": ("storage", 9000)}
    peers = {"MinIO by address": (storage, 9000), "peers of Elasticsearch": ("elasticsearch", 9300)}
    # Where its components listen, beside its metrics.
    milvus = {
        f"Milvus {port} {how}": (where, port)
        for port in MILVUS
        for how, where in (("by name", "milvus"), ("by address", vectors))
    }
    assert outer.seen_from(secured.naming.network, **engines, **behind, **peers, **milvus) == {
        *engines,
        "Milvus 19530 by name",
    }


def listening(secured: Secured, service: str) -> set[int]:
    """Return the ports at which a container's processes take connections from others."""
    _, told = secured.sh(service, "cat /proc/net/tcp /proc/net/tcp6")
    sockets = [line.split() for line in told.splitlines() if ": " in line]
    ends = [one[1].rsplit(":", 1) for one in sockets if one[3] == "0A"]
    return {int(port, 16) for address, port in ends if not address.endswith("7F") and address != "0" * 24 + "01000000"}


@pytest.mark.parametrize("service", [*PORTS, "backups"])
def test_a_server_listens_where_it_is_known_to(secured: Secured, service: str) -> None:
    found = listening(secured, service)
    if service == "milvus":
        # Its log of events is at whatever port is free.
        assert found >= MILVUS
        assert len(found - MILVUS) <= 1
    else:
        assert found == set(PORTS.get(service, ())) - PEERS

"""Every image keeps the contract by which the components run it, whichever source it comes from."""

import re
from collections.abc import Iterator, Sequence

import pytest
from docker.models.containers import Container

from components.images import SERVICES, reference
from tests.contract.containers import SOURCE, Contract
from tests.contract.servers import PASSWORD, SERVERS, Server

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]

# Of the images that no server of this contract runs in.
_MEGABYTES = {"toolbox": 460, "proxy": 100}
# Milvus is ended before what it needs: without etcd it would end by itself.
_DEPENDENT_FIRST = [*(s for s in SERVERS.values() if s.needs), *(s for s in SERVERS.values() if not s.needs)]
every_image = pytest.mark.parametrize("service", SERVICES)
every_server = pytest.mark.parametrize("server", SERVERS.values(), ids=lambda server: server.service)


@pytest.fixture(scope="module")
def contract() -> Iterator[Contract]:
    """Start every server at once: all others are ready before Elasticsearch is."""
    with Contract.session("images") as contract:
        for service in SERVERS:
            contract.start(service)
        yield contract


def _shell(container: Container, command: str) -> tuple[int | None, str]:
    return _run(container, ["sh", "-c", command])


def _run(container: Container, command: Sequence[str]) -> tuple[int | None, str]:
    code, output = container.exec_run(list(command))
    assert isinstance(output, bytes)
    return code, output.decode(errors="replace").strip()


@every_image
def test_an_image_names_a_user_without_rights_and_no_health_check(contract: Contract, service: str) -> None:
    configuration = contract.client.images.get(reference(service, SOURCE)).attrs["Config"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", configuration["User"])
    assert not configuration.get("Healthcheck")


@every_image
def test_an_image_is_small_and_keeps_no_package_cache(contract: Contract, service: str) -> None:
    limit = SERVERS[service].size_megabytes if service in SERVERS else _MEGABYTES[service]
    assert contract.client.images.get(reference(service, SOURCE)).attrs["Size"] / 1e6 < limit
    # The lock file and what root alone may read are empty.
    cached = ["!", "-readable", "-prune", "-o", "-type", "f", "-size", "+0", "-print"]
    assert not contract.run(service, ["find", "/var/lib/apt/lists", "/var/cache/apt", *cached])


def test_the_toolbox_has_every_client_and_its_code_compiled(contract: Contract) -> None:
    clients = "import init, psycopg, elasticsearch, pymilvus, redis, duckdb, minio, tenacity, pyrage, zstandard, boto3, cronsim"
    assert contract.run("toolbox", ["python", "-c", f"{clients}; print('all')"]).strip() == "all"
    assert contract.run("toolbox", ["find", "/opt/karen/init", "-name", "__main__.*.pyc"]).strip()
    assert "/data/" not in contract.run("toolbox", ["find", "/opt/karen/init", "-name", "*.sql"])


@every_server
def test_a_server_becomes_healthy_in_its_version(contract: Contract, server: Server) -> None:
    container = contract.healthy(server.service)
    if server.version_log:
        assert server.version_log in container.logs().decode(errors="replace")
    else:
        code, output = _run(container, server.version)
        assert (code, output[: len(server.version_prefix)]) == (0, server.version_prefix)


@every_server
def test_a_server_runs_without_rights_as_its_user(contract: Contract, server: Server) -> None:
    container = contract.healthy(server.service)
    _, status = _shell(container, "cat /proc/1/status")
    user, _, group = server.user.partition(":")
    assert re.search(rf"^Uid:\t{user}\t{user}\t{user}\t{user}$", status, re.MULTILINE)
    assert re.search(rf"^Gid:\t{group}\t{group}\t{group}\t{group}$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)


@every_server
def test_a_server_keeps_its_data_where_the_volume_is(contract: Contract, server: Server) -> None:
    container = contract.healthy(server.service)
    user = server.user.partition(":")[0]
    _, own = _shell(container, f"find {server.data_path} -mindepth 1 -user {user} -print -quit")
    _, foreign = _shell(container, f"find {server.data_path} -mindepth 1 ! -user {user}")
    assert own
    assert not foreign
    volumes = {mount["Destination"]: mount.get("Name", "") for mount in container.attrs["Mounts"]}
    # A path that the image declares and the component does not know would get an anonymous volume.
    assert set(volumes) == {server.data_path, "/run/secrets"}


@every_server
def test_a_server_listens_on_its_ports(contract: Contract, server: Server) -> None:
    container = contract.healthy(server.service)
    _, table = _shell(container, "cat /proc/net/tcp /proc/net/tcp6")
    listening = re.findall(r"^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ 0A ", table, re.MULTILINE)
    anywhere = {int(port, 16) for address, port in listening if not address.strip("0")}
    loopback = {int(port, 16) for address, port in listening if address.endswith(("0100007F", "01000000"))}
    assert anywhere >= set(server.ports)
    assert loopback >= set(server.loopback_ports)
    assert not anywhere & set(server.loopback_ports)


@pytest.mark.parametrize("server", [s for s in SERVERS.values() if s.login], ids=lambda server: server.service)
def test_a_server_takes_the_password_of_the_file_and_no_other(contract: Contract, server: Server) -> None:
    container = contract.healthy(server.service)
    code, output = _shell(container, server.login)
    assert code == 0, output
    for attempt in server.refused:
        code, output = _shell(container, attempt)
        assert code != 0, f"accepted: {attempt}"


@every_server
def test_a_password_is_in_no_definition_argument_or_log(contract: Contract, server: Server) -> None:
    container = contract.healthy(server.service)
    container.reload()
    definition = str(container.attrs)
    arguments = _shell(container, "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'")[1]
    _, environment = _shell(container, "tr '\\0' '\\n' < /proc/1/environ")
    for place in (definition, arguments, environment, container.logs().decode(errors="replace")):
        assert PASSWORD not in place


@pytest.mark.parametrize("server", _DEPENDENT_FIRST, ids=lambda server: server.service)
def test_a_server_ends_in_order_when_it_is_told_to_and_starts_again(contract: Contract, server: Server) -> None:
    contract.healthy(server.service)
    code, seconds = contract.stop(server.service)
    assert code in server.exit_codes
    assert seconds < server.grace_seconds
    # Every need of Milvus is gone by the end of this module, and its second start is the end-to-end test's matter.
    if not server.needs:
        contract.started[server.service].start()
        contract.healthy(server.service)
        assert not server.login or _shell(contract.started[server.service], server.login)[0] == 0

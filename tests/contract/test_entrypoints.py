"""What the images' entry points refuse, and that a start as root ends in the server's own user."""

import time
from collections.abc import Iterator

import pytest
from docker.models.containers import Container

from components.images import reference
from tests.contract.containers import SOURCE, Contract
from tests.contract.servers import SERVERS

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def contract() -> Iterator[Contract]:
    with Contract.session("entrypoints") as contract:
        yield contract


def _run(contract: Contract, service: str, shell: str, environment: dict[str, str]) -> tuple[int, str]:
    """Prepare something by a shell line, then run the entry point as the server's user until it ends."""
    container = contract.client.containers.run(
        reference(service, SOURCE),
        ["-c", f"{shell}; exec docker-entrypoint.sh {'postgres' if service == 'postgres' else 'elasticsearch'}"],
        entrypoint="sh",
        user=SERVERS[service].user,
        environment=environment,
        network_mode="none",
        labels=contract.labels,
        detach=True,
    )
    try:
        code = int(container.wait(timeout=30)["StatusCode"])
        return code, container.logs().decode(errors="replace")
    finally:
        container.remove(force=True, v=True)


@pytest.mark.parametrize(
    ("service", "shell", "environment", "message"),
    [
        ("postgres", "true", {}, "set POSTGRES_PASSWORD_FILE"),
        (
            "postgres",
            "true",
            {"POSTGRES_PASSWORD_FILE": "/run/secrets/none"},
            "POSTGRES_PASSWORD_FILE names /run/secrets/none",
        ),
        ("postgres", "true", {"POSTGRES_PASSWORD_FILE": "/etc/hostname", "POSTGRES_PASSWORD": "x"}, "are both set"),
        ("elasticsearch", "true", {"ELASTIC_PASSWORD_FILE": "/run/secrets/none"}, "names /run/secrets/none"),
        (
            "elasticsearch",
            "umask 022; echo secret > /tmp/password",
            {"ELASTIC_PASSWORD_FILE": "/tmp/password"},
            "has mode 644: 400 or 600 is required",
        ),
        ("elasticsearch", "true", {"ELASTIC_PASSWORD_FILE": "/etc/hostname", "ELASTIC_PASSWORD": "x"}, "are both set"),
    ],
)
def test_a_password_that_cannot_be_used_ends_the_start_with_its_reason(
    contract: Contract, service: str, shell: str, environment: dict[str, str], message: str
) -> None:
    code, log = _run(contract, service, shell, environment)
    assert code == 1
    assert message in log


@pytest.mark.parametrize("service", ["postgres", "redis", "minio", "elasticsearch"])
def test_a_start_as_root_gives_its_rights_up(contract: Contract, service: str) -> None:
    command = {"minio": ["server", "/data"]}.get(service)
    container: Container = contract.client.containers.run(
        reference(service, SOURCE),
        command,
        user="0:0",
        environment={"POSTGRES_PASSWORD": "x", "discovery.type": "single-node", "ES_JAVA_OPTS": "-Xmx256m"},
        network_mode="none",
        labels=contract.labels,
        detach=True,
    )
    wanted = SERVERS[service].user.partition(":")[0]
    deadline = time.monotonic() + 30
    try:
        # Below the entry point (and tini, which stays root and only reaps), everything is the server's user.
        while not _only_user(container, wanted):
            assert time.monotonic() < deadline, container.logs().decode(errors="replace")
            time.sleep(0.2)
    finally:
        container.remove(force=True, v=True)


def _only_user(container: Container, wanted: str) -> bool:
    """Whether a process of the wanted user runs, and none of root but tini."""
    rows = container.top(ps_args="-eo pid,uid,comm")["Processes"]
    users = {uid for _, uid, name in rows if name != "tini"}
    return users == {wanted}

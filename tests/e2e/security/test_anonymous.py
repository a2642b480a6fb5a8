"""Nobody without a password is let in by an engine of a production stack; what asks for none is listed, and out of reach."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.exceptions import exempt
from components.images import reference
from tests.e2e.security.anonymous import ABSENT, ANSWERED, ETCD, PATHS, PROGRAM
from tests.e2e.security.conftest import Secured
from tests.e2e.security.planting import PYTHON

# Where an application is told that it has the authority's certificate.
CA = "/run/ai-karen/ca.crt"
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def on(secured: Secured, network: str, program: str, *arguments: str) -> Any:
    """Run a program in a container on a network, as any application can, and return what it tells."""
    name = secured.naming.volume("authority", "certificates")
    told = secured.engine.containers.run(
        reference("toolbox", "build"),
        ["-c", program, *arguments],
        entrypoint=PYTHON,
        network=network,
        volumes={name: {"bind": str(Path(CA).parent), "mode": "ro"}} if CA in arguments else {},
        remove=True,
    )
    return json.loads(told.decode().strip().splitlines()[-1])


def authority(secured: Secured) -> str:
    """Return where an application has the authority's certificate; empty where connections are not encrypted."""
    return str(secured.live.outputs()["env"]["network"].get("KAREN_CA_CERTIFICATE", ""))


@pytest.fixture(scope="module")
def tried(secured: Secured) -> dict[str, str]:
    found: dict[str, str] = on(secured, secured.naming.network, PROGRAM, authority(secured))
    return found


@pytest.mark.parametrize(
    "service", ["postgres", "redis", "elasticsearch", "milvus", "minio", "etcd", "storage", "vectors"]
)
def test_an_application_without_a_password_is_refused_by(tried: dict[str, str], service: str) -> None:
    found = {name: answer for name, answer in tried.items() if name.split()[0] == service}
    assert found
    assert {name: answer for name, answer in found.items() if not answer.startswith("refused")} == {}


def test_the_same_attempts_are_let_in_with_a_password(secured: Secured, tried: dict[str, str]) -> None:
    """The control: they are refused for want of a password, not for want of a server."""
    refused = {answer for name, answer in tried.items() if name.split()[0] in ("elasticsearch", "minio")}
    assert {"refused 401", "refused 403"} <= refused
    assert tried["redis PING"] == "refused PermissionError"
    assert tried["milvus lists nobody"] == "refused MilvusException"
    assert tried["milvus management /healthz"] == "refused URLError"
    variables = secured.live.outputs()["env"]["network"]
    token = f"{variables['MILVUS_USER']}:{variables['MILVUS_PASSWORD']}"
    program = PROGRAM.partition("JSON =")[0] + (
        'print(json.dumps([line("redis", 6379, f"AUTH {json.dumps(sys.argv[2])}\\r\\n".encode()), '
        "len(milvus(sys.argv[3], lambda client: client.list_collections()))]))"
    )
    redis, collections = on(
        secured, secured.naming.network, program, authority(secured), variables["REDIS_PASSWORD"], token
    )
    assert redis == "+OK\r\n"
    assert collections > 0


def test_every_path_at_which_milvus_asks_for_no_password_is_known(secured: Secured) -> None:
    assert exempt("authentication", "milvus") is not None
    found = on(secured, secured.naming.vectors, PATHS, "vectors", json.dumps(sorted(ANSWERED | ABSENT)))
    assert {path for path, status in found.items() if status != 404} == ANSWERED


def test_etcd_answers_whoever_is_on_its_network(secured: Secured) -> None:
    assert exempt("authentication", "etcd") is not None
    assert on(secured, secured.naming.backend, ETCD, authority(secured)) > 0

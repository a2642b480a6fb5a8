"""All else is refused, and changes nothing."""

from typing import Any

import docker
import pytest
from docker.errors import APIError

from tests.contract.engine_proxy.refused import MALFORMED, REFUSED, C, request
from tests.contract.engine_proxy.restricted import SERVER, Restricted

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def before(restricted: Restricted) -> list[dict[str, Any]]:
    """The containers before the first of these requests."""
    return restricted.state()


def answered(restricted: Restricted, requests: list[bytes]) -> dict[bytes, int]:
    return {sent: restricted.status(sent) for sent in requests}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_allowed_is_refused_and_nothing_happens(
    restricted: Restricted, before: list[dict[str, Any]], kind: str
) -> None:
    found = answered(restricted, REFUSED[kind])
    assert found == dict.fromkeys(REFUSED[kind], 403)
    assert restricted.state() == before


def test_what_is_no_correct_http_is_refused_and_nothing_happens(
    restricted: Restricted, before: list[dict[str, Any]]
) -> None:
    found = answered(restricted, MALFORMED)
    assert found == dict.fromkeys(MALFORMED, 400)
    assert restricted.state() == before


def test_a_container_is_not_reached_by_its_id(
    restricted: Restricted, before: list[dict[str, Any]], client: docker.DockerClient
) -> None:
    identifier = client.api.inspect_container(SERVER)["Id"]
    for name in (identifier, identifier[:12]):
        with pytest.raises(APIError, match="403"):
            client.api.restart(name)
        with pytest.raises(APIError, match="403"):
            client.api.inspect_container(name)
    assert restricted.state() == before


@pytest.mark.parametrize(
    "hidden",
    [
        request("GET /_ping") + request(f"POST {C}/kill"),
        request("GET /_ping", "Connection: keep-alive") + request(f"POST {C}/stop?t=0"),
        request("GET /_ping", "Content-Length: 0") + request(f"POST {C}/kill"),
        request("GET /_ping", "Content-Length: 0", "Content-Length: 0") + request(f"POST {C}/kill"),
        request(f"GET {C}/json", "Expect: 100-continue") + request(f"POST {C}/kill"),
        request("GET /_ping", "Upgrade: h2c") + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        request(f"GET {C}/json", "X: y", f" POST {C}/kill HTTP/1.1", " Host: engine"),
    ],
    ids=range(7),
)
def test_of_a_connection_only_the_first_request_is_answered(
    restricted: Restricted, before: list[dict[str, Any]], hidden: bytes
) -> None:
    answer = restricted.everything(hidden)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert restricted.state() == before


def test_nothing_that_was_refused_reached_the_engine(restricted: Restricted) -> None:
    restricted.status(request(f"POST {C}/kill"))
    refused = [line for line in restricted.log() if line.startswith("4")]
    assert refused
    assert all("<NOSRV>" in line for line in refused)
    assert not [line for line in restricted.log() if "/kill" in line and "<NOSRV>" not in line]

"""The proxy's own container: its rights, its memory, its volume and its health."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.engine_proxy import DIRECTORY, SOCKET
from components.images import reference
from tests.contract.containers import SOURCE, Contract
from tests.contract.engine_proxy.refused import C, request
from tests.contract.engine_proxy.restricted import (
    FOREIGN,
    Restricted,
    answers,
    await_answer,
    declared,
    recording,
    start_proxy,
)

pytestmark = pytest.mark.contract


def test_the_proxy_has_no_rights_no_network_and_writes_nowhere(restricted: Restricted) -> None:
    def inside(line: str) -> str:
        output = restricted.proxy.exec_run(["bash", "-c", line]).output
        assert isinstance(output, bytes)
        return output.decode()

    status = inside("cat /proc/1/status")
    for wanted in ("CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"):
        assert wanted in status
    # No route but the headline, and no port that something listens on.
    assert inside("cat /proc/net/route").count("\n") == 1
    assert " 0A " not in inside("cat /proc/net/tcp /proc/net/tcp6")
    assert "Read-only file system" in inside("touch /made")
    # Who connects as root gets no more than others.
    ask = """printf 'GET /info HTTP/1.0\r\n\r\n' | perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => "%s"); """
    assert "403 Forbidden" in inside(ask % SOCKET + "print $s <STDIN>; print <$s>'")


def test_many_connections_fit_into_its_memory(restricted: Restricted) -> None:
    with ThreadPoolExecutor(40) as pool:
        found = set(pool.map(restricted.status, [request(f"GET {C}/json"), request("GET /info")] * 200))
    assert found == {200, 403}
    usage = restricted.contract.client.api.stats(str(restricted.proxy.id), stream=False, one_shot=True)["memory_stats"]
    assert usage.get("max_usage", usage["usage"]) < declared()["memory"] * 1024**2 / 2
    restricted.proxy.reload()
    assert not restricted.proxy.attrs["State"]["OOMKilled"]


# What a client does in a container of its own.
_CLIENT = f"""
import os, socket
def ask(line):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("{SOCKET}")
        connection.sendall(f"{{line}} HTTP/1.1\\r\\nHost: engine\\r\\n\\r\\n".encode())
        return connection.makefile("rb").readline().split()[1].decode()
print(os.getuid(), ask("GET {C}/json"), ask("POST {C}/restart?t=1"), ask("POST {C}/kill"), ask("GET /containers/{FOREIGN}/json"))
for act in (os.remove, lambda path: os.rename(path, path + ".mine"), lambda path: os.chmod(path, 0o600)):
    try:
        act("{SOCKET}")
    except PermissionError:
        print("refused")
"""


def test_a_client_without_rights_uses_the_socket_and_cannot_replace_it(contract: Contract) -> None:
    volume = contract.client.volumes.create(f"{contract.name}-socket", labels=contract.labels)
    await_answer(start_proxy(contract, volume.name))
    told = contract.client.containers.run(
        reference("toolbox", SOURCE),
        ["-c", _CLIENT],
        entrypoint="python",
        network_mode="none",
        cap_drop=["ALL"],
        volumes={volume.name: {"bind": DIRECTORY, "mode": "rw"}},
        labels=contract.labels,
    )
    assert bytes(told).decode().split() == ["10001", "200", "204", "403", "403", "refused", "refused", "refused"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory for the proxy's socket, beside which there is room for another engine's."""
    directory = tmp_path / "proxy"
    directory.mkdir()
    directory.chmod(0o777)
    return directory


def test_of_a_request_only_its_first_line_reaches_the_engine(contract: Contract, place: Path) -> None:
    received: list[bytes] = []
    engine = place.parent / "engine.sock"
    with recording(engine, received):
        proxy = start_proxy(contract, str(place), str(engine))
        await_answer(proxy)
        assert set(received) == {b"GET /_ping HTTP/1.0\r\nhost: engine\r\n\r\n"}
        received.clear()
        headers = [
            "X-Registry-Auth: e30=",
            "Authorization: Basic eDp5",
            "Cookie: a=b",
            "Connection: X-Mine",
            "X-Mine: y",
        ]
        found = Restricted(contract, proxy, str(place / Path(SOCKET).name))
        assert found.status(request(f"POST /v1.41{C}/restart?t=3", *headers)) == 200
        assert found.status(request(f"POST /v1.41{C}/kill", *headers)) == 403
    assert received == [f"POST /v1.41{C}/restart?t=3 HTTP/1.1\r\nhost: engine\r\nconnection: close\r\n\r\n".encode()]
    # The engine is gone.
    assert found.status(request("GET /_ping")) == 503
    assert not answers(proxy)

"""The proxy in front of the engine's socket, run as its component declares it, with containers inside and outside of its reach."""

import os
import socket
import socketserver
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
from docker.models.containers import Container
from docker.types import Mount

from components.context import Context
from components.engine_proxy import EngineProxy
from components.images import reference
from components.naming import Naming
from components.settings import Settings
from tests.contract.containers import SOURCE, Contract
from tests.unit.graph import record

NAMING = Naming(stack="contract-restricted")
# In reach; of the same stack, but not in reach; of a stack whose name begins alike.
SERVICES = ("server", "crashed", "stubborn")
SERVER, CRASHED, STUBBORN = (NAMING.container(service) for service in SERVICES)
UNLISTED = NAMING.container("server-2")
FOREIGN = Naming(stack="contract-restricted-2").container("server")
SLEEP = ["sleep", "infinity"]
ENGINE = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")


@cache
def declared() -> Mapping[str, Any]:
    """Return the inputs of the proxy's container, as the component registers them."""
    settings = Settings.parse({"imageSource": SOURCE, "engineSocket": ENGINE})

    def declare() -> EngineProxy:
        network = pulumi.Output.from_input("none")
        return EngineProxy(
            SERVICES, context=Context(settings=settings, naming=NAMING, network=network, backend=network)
        )

    return record(declare, stack=NAMING.stack).of(":Container")["proxy-container"]


def start_proxy(contract: Contract, place: str, engine: str = ENGINE) -> Container:
    """Start the proxy with its socket in `place`, a volume's name or a directory, and return it without waiting."""
    inputs = declared()
    [volume], [mount] = inputs["volumes"], inputs["mounts"]
    return contract.client.containers.run(
        reference("proxy", SOURCE),
        inputs["command"],
        entrypoint=inputs["entrypoints"],
        user=inputs["user"],
        read_only=inputs["readOnly"],
        network_mode=inputs["networkMode"],
        cap_drop=inputs["capabilities"]["drops"],
        security_opt=inputs["securityOpts"],
        mem_limit=f"{inputs['memory']}m",
        memswap_limit=f"{inputs['memorySwap']}m",
        stop_signal=inputs["stopSignal"],
        volumes={place: {"bind": volume["containerPath"], "mode": "rw"}},
        mounts=[Mount(mount["target"], engine, type=mount["type"], read_only=mount["readOnly"])],
        labels=contract.labels,
        detach=True,
    )


def answers(proxy: Container) -> bool:
    """Whether the declared health check succeeds."""
    return proxy.exec_run(declared()["healthcheck"]["tests"][1:]).exit_code == 0


def await_answer(proxy: Container) -> None:
    """Return once the health check succeeds; AssertionError with the log if it does not within 20 seconds."""
    deadline = time.monotonic() + 20
    while not answers(proxy):
        proxy.reload()
        log = proxy.logs(tail=20).decode(errors="replace")
        assert proxy.status == "running", log
        assert time.monotonic() < deadline, log
        time.sleep(0.1)


def start_target(contract: Contract, name: str, command: Sequence[str], **options: Any) -> Container:
    """Start a container that does nothing, under a name that a proxy has in its list, or has not."""
    return contract.client.containers.run(
        reference("base", SOURCE),
        list(command),
        name=name,
        network_mode="none",
        labels=contract.labels,
        detach=True,
        **options,
    )


@contextmanager
def recording(path: Path, received: list[bytes]) -> Iterator[None]:
    """Answer every request at this socket, as an engine that has nothing to say, and keep what it was."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            received.append(self.request.recv(65536))
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with socketserver.UnixStreamServer(str(path), Handler) as server:
        path.chmod(0o666)
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        try:
            yield
        finally:
            server.shutdown()


@dataclass(frozen=True)
class Restricted:
    """The proxy's socket on this host, its container, and a session on the real engine."""

    contract: Contract
    proxy: Container
    path: str

    def connect(self) -> socket.socket:
        """Return a connection to the proxy."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(30)
        connection.connect(self.path)
        return connection

    def status(self, request: bytes) -> int:
        """Send raw bytes, and return the status of the first answer."""
        with self.connect() as connection:
            connection.sendall(request)
            return int(connection.makefile("rb").readline().split()[1])

    def everything(self, request: bytes) -> bytes:
        """Send raw bytes, and return all that comes until the proxy ends the connection."""
        with self.connect() as connection:
            connection.sendall(request)
            return bytes(connection.makefile("rb").read())

    def state(self) -> list[dict[str, Any]]:
        """Return all that the real engine knows of this session's containers, but not of proxies, which tests look into."""
        listed = self.contract.client.api.containers(
            all=True, filters={"label": [f"{key}={value}" for key, value in self.contract.labels.items()]}
        )
        return [
            self.contract.client.api.inspect_container(one["Id"])
            for one in listed
            if one["Image"] != reference("proxy", SOURCE)
        ]

    def log(self) -> list[str]:
        """Return the lines that the proxy has logged so far."""
        return self.proxy.logs().decode(errors="replace").splitlines()

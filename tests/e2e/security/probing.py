"""A place outside a stack, made for the tests, and a look from a container's own network at what can be reached of it."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import docker
from docker.models.containers import Container

from components.images import reference
from components.naming import STACK_LABEL
from tests.e2e.security.scanning import addresses

NAME = "outside.example.org"
_PYTHON = "/opt/venv/bin/python"
# It answers every question for an address with one, and takes connections.
_SERVE = """
import socket, threading
def web():
    with socket.create_server(("0.0.0.0", 8080)) as server:
        while True:
            server.accept()[0].close()
threading.Thread(target=web, daemon=True).start()
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("0.0.0.0", 53))
while True:
    asked, who = names.recvfrom(512)
    answer = b"" if asked[-4:-2] != b"\\x00\\x01" else b"\\xc0\\x0c\\x00\\x01\\x00\\x01\\x00\\x00\\x00\\x3c\\x00\\x04\\xcb\\x00\\x71\\x05"
    names.sendto(asked[:2] + b"\\x81\\x80\\x00\\x01" + bytes([0, 1 if answer else 0]) + b"\\x00\\x00\\x00\\x00" + asked[12:] + answer, who)
"""
_LOOK = """
import json, socket, struct, sys
from concurrent.futures import ThreadPoolExecutor
places, name = json.loads(sys.argv[1]), sys.argv[2]
labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
question = b"\\x00\\x07\\x01\\x00\\x00\\x01" + bytes(6) + labels + b"\\x00\\x00\\x01\\x00\\x01"
def reached(what):
    address, port = places[what]
    try:
        if port != 53:
            socket.create_connection((address, port), timeout=1).close()
            return True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(1)
            asking.connect((address, port))
            asking.send(question)
            return struct.unpack("!H", asking.recv(512)[6:8])[0] > 0
    except OSError:
        return False
with ThreadPoolExecutor(max_workers=len(places)) as pool:
    print(json.dumps([what for what, there in zip(places, pool.map(reached, places)) if there]))
"""


@dataclass(frozen=True)
class Outside:
    """A network that leads outside, a container on it with a name server, and a listener of this host."""

    engine: docker.DockerClient
    network: str
    address: str
    host_port: int

    def places(self) -> dict[str, tuple[str, int]]:
        """Return what must not be reached. All of it is on this host."""
        bridges = {
            name: self.engine.networks.get(name).attrs["IPAM"]["Config"][0]["Gateway"]
            for name in ("bridge", self.network)
        }
        return {
            "a server on another network": (self.address, 8080),
            "a name server on another network": (self.address, 53),
            "a name outside, by the engine's resolver": ("127.0.0.11", 53),
            **{f"the host, by its address on {name}": (address, self.host_port) for name, address in bridges.items()},
            **{f"the host, by its address {address}": (address, self.host_port) for address in addresses()},
        }

    def seen_from(self, network: str, **places: tuple[str, int]) -> set[str]:
        """Return what can be reached from a network, or from a container's own (`container:<id>`)."""
        told = self.engine.containers.run(
            reference("toolbox", "build"),
            ["-c", _LOOK, json.dumps({**self.places(), **places}), NAME],
            entrypoint=_PYTHON,
            network=network,
            remove=True,
            # Its resolver is the one outside, if it is not another container's network.
            dns=None if network.startswith("container:") else [self.address],
            # A name that nobody knows is not waited for.
            environment={"RES_OPTIONS": "timeout:1 attempts:1"},
        )
        return set(json.loads(told))


@contextmanager
def outside(engine: docker.DockerClient, stack: str) -> Iterator[Outside]:
    """Provide it; everything carries the stack's label, and is gone afterwards."""
    labels = {STACK_LABEL: stack}
    name = f"{stack}-outside"
    network = engine.networks.create(name, labels=labels)
    server: Container | None = None
    try:
        with socket.create_server(("0.0.0.0", 0)) as listener:
            threading.Thread(target=_take, args=(listener,), daemon=True).start()
            server = engine.containers.run(
                reference("toolbox", "build"),
                ["-c", _SERVE],
                entrypoint=_PYTHON,
                network=name,
                user="0",
                labels=labels,
                detach=True,
            )
            server.reload()
            address = server.attrs["NetworkSettings"]["Networks"][name]["IPAddress"]
            yield Outside(engine, name, address, listener.getsockname()[1])
    finally:
        if server is not None:
            server.remove(force=True)
        network.remove()


def _take(listener: socket.socket) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return

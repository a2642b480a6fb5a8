"""One production stack with everything that it can have, for all tests of this package."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import docker
import pytest
from docker.models.containers import Container

from components.naming import Naming
from tests.e2e.live import SMALL, LiveStack
from tests.e2e.security.scanning import open_ports

DATABASES = ("postgres", "redis", "elasticsearch", "etcd", "minio", "milvus")
# Nobody takes the alerts: that there is an address is enough for the monitor to be let out.
_EVERYTHING = {
    "mode": "production",
    "imageSource": "build",
    "enableMonitoring": "true",
    "enableBackups": "true",
    "alertWebhook": "http://127.0.0.1:9/",
}
SERVICES = (*DATABASES, "monitor", "backups", "proxy")


@dataclass(frozen=True)
class Secured:
    """The stack, a session on the engine, and the ports that were open on this host before the stack was there."""

    live: LiveStack
    engine: docker.DockerClient
    open_before: set[int] = field(repr=False)

    @property
    def naming(self) -> Naming:
        """Return the stack's names."""
        return Naming(stack=self.live.name)

    def container(self, service: str) -> Container:
        """Return a service's container."""
        return self.engine.containers.get(self.live.container(service))

    def sh(self, service: str, command: str) -> tuple[int, str]:
        """Run a shell's command in a service's container as its own user, and return its exit code and output."""
        done = self.container(service).exec_run(["sh", "-c", command])
        assert isinstance(done.output, bytes)
        return int(done.exit_code or 0), done.output.decode(errors="replace").strip()


@pytest.fixture(scope="package")
def secured() -> Iterator[Secured]:
    live, engine = LiveStack("test-secure", {**SMALL, **_EVERYTHING}), docker.from_env()
    live.create()
    try:
        before = open_ports()
        live.up()
        yield Secured(live, engine, before)
    finally:
        live.erase()
        engine.close()

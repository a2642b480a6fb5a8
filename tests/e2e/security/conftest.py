"""One production stack with everything that it can have, for all tests of this package."""

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import docker
import pytest
from docker.models.containers import Container

from components.naming import Naming
from tests.e2e.live import SMALL, LiveStack
from tests.e2e.security.canaries import Canary, generated
from tests.e2e.security.scanning import open_ports

DATABASES = ("postgres", "redis", "elasticsearch", "etcd", "minio", "milvus")
# A name that is no secret, which the stack tells wherever it tells names.
KNOWN = f"known{secrets.token_hex(8)}"
# Nobody takes the alerts: that there is an address is enough for the monitor to be let out.
_EVERYTHING = {
    "mode": "production",
    "imageSource": "build",
    "enableMonitoring": "true",
    "enableBackups": "true",
    "alertMailServer": "127.0.0.1:9",
    "alertMailUser": "karen",
    "alertMailFrom": "karen@example.org",
    "alertMailTo": "somebody@example.org",
    "duckdbPath": f"/data/duckdb/{KNOWN}.db",
}
_HARD = "<f&\"o'\\o %$+/=>"
# What somebody has set with `pulumi config set --secret`: characters that each way of writing a text writes otherwise.
GIVEN = {
    **{
        f"{name}Password": f"{secrets.token_hex(8)} {_HARD} {name}"
        for name in ("postgres", "redis", "elasticsearch", "milvus", "minio", "alertMail")
    },
    "alertWebhook": f"http://127.0.0.1:9/{secrets.token_hex(16)}",
}
# What somebody is about to change, and has not yet.
NEXT = {
    "alertWebhook": f"http://127.0.0.1:9/{secrets.token_hex(16)}",
    "alertMailPassword": f"{secrets.token_hex(8)} {_HARD}",
    "backupAccessKey": secrets.token_hex(10),
    "backupSecretKey": f"{secrets.token_hex(8)} {_HARD}",
}
SERVICES = (*DATABASES, "gateway", "monitor", "backups", "relay", "proxy")


@dataclass(frozen=True)
class Secured:
    """The stack, a session on the engine, the ports that were open on this host before the stack was there, and when that was (Unix seconds)."""

    live: LiveStack
    engine: docker.DockerClient
    open_before: set[int] = field(repr=False)
    began: float

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


def set_secrets(live: LiveStack, values: Mapping[str, str]) -> None:
    """Set settings as `pulumi config set --secret` does; what is configured by file afterwards is without them."""
    told = (("--secret", f"ai-karen-db:{key}={value}") for key, value in values.items())
    live.pulumi("config", "set-all", *(part for pair in told for part in pair))


@pytest.fixture(scope="package")
def secured() -> Iterator[Secured]:
    live, engine, began = LiveStack("test-secure", {**SMALL, **_EVERYTHING}), docker.from_env(), time.time()
    live.create()
    try:
        set_secrets(live, GIVEN)
        before = open_ports()
        live.up()
        yield Secured(live, engine, before, began)
    finally:
        live.erase()
        engine.close()


@pytest.fixture(scope="package")
def canary(secured: Secured) -> Canary:
    """All secrets of the stack, those that are about to be set included; the control is a name that it tells."""
    found = generated(secured.live)
    assert len(found) > 30
    about = {f"next {name}": value for name, value in NEXT.items()}
    return Canary({**GIVEN, **found, **about}, control=KNOWN)

"""A stack's servers as the container engine has them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from components.naming import SERVICE_LABEL, STACK_LABEL
from ops import graph
from ops.cli.errors import NotAsked
from ops.cli.recorded import resources
from ops.engine_errors import engine_errors, told

if TYPE_CHECKING:
    import docker

MONITOR, PROXY, BACKUPS, RELAY = "monitor", "proxy", "backups", "relay"
_NANOSECONDS = 10**9


@dataclass(frozen=True)
class Server:
    """One server's container: its service, and what `inspect` tells of it."""

    service: str
    facts: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the container's name."""
        return str(self.facts["Name"]).removeprefix("/")

    @property
    def address(self) -> str | None:
        """Return where it answers on this host; None where nothing is published, or while it does not run."""
        ports = (self.facts["NetworkSettings"].get("Ports") or {}).values()
        found = [f"{one['HostIp']}:{one['HostPort']}" for published in ports for one in published or ()]
        return min(found, default=None)

    @property
    def running(self) -> bool:
        """Whether its process runs; a paused one does not count."""
        found = self.facts["State"]
        return bool(found["Running"]) and not found["Paused"]

    @property
    def began(self) -> datetime | None:
        """Return when its process was started; None while it does not run."""
        if not self.facts["State"]["Running"]:
            return None
        # The engine gives nanoseconds, which Python does not read.
        return datetime.fromisoformat(f"{self.facts['State']['StartedAt'][:19]}+00:00")

    @property
    def started(self) -> int:
        """Return when its process was started last, whether or not it still runs (Unix seconds); below 0 if it never was."""
        return int(datetime.fromisoformat(f"{self.facts['State']['StartedAt'][:19]}+00:00").timestamp())

    @property
    def starting(self) -> bool:
        """Whether it was started on purpose so short a time ago that it need not be healthy yet, as its health check has it."""
        period: float = (self.facts["Config"].get("Healthcheck") or {}).get("StartPeriod", 0) / _NANOSECONDS
        if self.state != "starting" or self.facts["RestartCount"] or self.began is None:
            return False
        return (datetime.now(UTC) - self.began).total_seconds() < period

    @property
    def state(self) -> str:
        """Return `healthy`, `unhealthy`, `starting`, or what else the engine calls it."""
        found = self.facts["State"]
        health = (found.get("Health") or {}).get("Status")
        return str(health) if self.running and health else str(found["Status"])


@dataclass(frozen=True)
class Servers:
    """All servers of a stack, with what each waits for when the stack starts."""

    stack: str
    client: "docker.DockerClient"
    found: Mapping[str, Server]
    waits: Mapping[str, set[str]]

    def chosen(self, names: Sequence[str]) -> list[str]:
        """Return the services that were named, all without a name; NotAsked for one that the stack does not have."""
        unknown = [name for name in names if name not in self.found]
        if unknown:
            raise NotAsked(f"The stack {self.stack} has no server {', '.join(unknown)}; it has {', '.join(self.found)}")
        return list(dict.fromkeys(names)) or list(self.found)

    def needs(self, name: str) -> set[str]:
        """Return the services without which one cannot run; what starts last waits for all, but needs none of them."""
        found = self.waits.get(name, set())
        return found & {PROXY} if name in (MONITOR, BACKUPS, RELAY) else found

    def layers(self, names: Sequence[str]) -> list[list[str]]:
        """Return services in the order in which they start."""
        return graph.layers(self.waits, names)


@contextmanager
def servers(stack: str, *, seconds: int = 60) -> Iterator[Servers]:
    """Find a stack's servers; NotAsked if it has none, or if the engine of containers cannot be reached."""
    import docker

    try:
        client = docker.from_env(timeout=seconds)
    except engine_errors() as error:
        raise NotAsked(f"The container engine is not reachable: {told(error)}. Fix: make bootstrap") from None
    try:
        found = _found(client, stack)
        if not found:
            raise NotAsked(f"The stack {stack} is not up. Fix: make up STACK={stack}")
        waits = graph.servers(resources(stack))
        yield Servers(stack, client, {name: Server(name, found[name]) for name in sorted(found)}, waits)
    except engine_errors() as error:
        fix = f"Fix: ./karen doctor --stack {stack}"
        raise NotAsked(f"The container engine did not do what it was asked: {told(error)}. {fix}") from None
    finally:
        client.close()


def _found(client: "docker.DockerClient", stack: str) -> dict[str, Mapping[str, Any]]:
    """Return what the engine tells of each service's container."""
    from docker.errors import NotFound

    labels = [f"{STACK_LABEL}={stack}", SERVICE_LABEL]
    found: dict[str, Mapping[str, Any]] = {}
    for one in client.api.containers(all=True, filters={"label": labels}):
        # One that was removed since it was listed is not there.
        with suppress(NotFound):
            found[one["Labels"][SERVICE_LABEL]] = client.api.inspect_container(one["Id"])
    return found

"""How a stack's backups are reached: what Pulumi recorded for jobs of the host."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.cli.telling import told_outputs, untold


@dataclass(frozen=True, kw_only=True)
class Server:
    """One engine's container: its names on the container engine, the numeric user and group that its data belong to."""

    container: str
    image: str
    volume: str
    user: str
    path: str
    command: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StackBackups:
    """One stack: `outside` is the network that leads outside where the stack's own does not, and empty where it does.

    `volumes` maps a job's paths, with options after a colon, to volumes; `configuration` is what the service itself is given;
    `restore_damaged` are the engines that are restored without being named where their data are damaged.
    """

    stack: str
    image: str
    network: str
    outside: str
    user: str
    volumes: Mapping[str, str]
    configuration: Mapping[str, Any] = field(repr=False)
    servers: Mapping[str, Server]
    identity: str = field(repr=False)
    public: str
    restore_damaged: tuple[str, ...] = ()

    @property
    def engines(self) -> Mapping[str, Mapping[str, Any]]:
        """Return each engine's connection."""
        found: Mapping[str, Mapping[str, Any]] = self.configuration["engines"]
        return found

    @property
    def target(self) -> Mapping[str, Any]:
        """Return the document that opens the target in a job."""
        found: Mapping[str, Any] = self.configuration["target"]
        return found

    @property
    def leads_outside(self) -> bool:
        """Whether its target is a bucket."""
        return "path" not in self.target

    @property
    def target_volumes(self) -> dict[str, str]:
        """Return what a job has to mount to read the target; {} for a bucket."""
        path = self.target.get("path")
        return {mount: volume for mount, volume in self.volumes.items() if mount.partition(":")[0] == path}

    @classmethod
    def of(cls, stack: str) -> "StackBackups":
        """Return what is recorded of a stack, secrets included; NotAsked if Pulumi does not tell it."""
        try:
            found = told_outputs(stack)["operations"]["backups"]
        except KeyError as error:
            raise untold(stack, error) from None
        servers = {
            name: Server(**{**one, "command": tuple(one.get("command") or ())})
            for name, one in found["servers"].items()
        }
        keys = ("stack", "image", "network", "outside", "user", "volumes", "configuration", "identity", "public")
        damaged = tuple(found.get("restore_damaged") or ())
        return cls(servers=servers, restore_damaged=damaged, **{key: found[key] for key in keys})

"""What the stack asks of every engine's component."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.certificates import Listener
from components.container import DatabaseContainer
from components.credentials import Credential
from init.resources.initialization import Initialization

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a service answers: inside the network always, on this host where the stack publishes ports."""

    service: str
    port: int
    host_port: int | None

    @property
    def network(self) -> str:
        """`service:port` for a container on the stack's network."""
        return f"{self.service}:{self.port}"

    @property
    def host(self) -> str | None:
        """`127.0.0.1:port` for an application on this host; None where nothing is published."""
        return None if self.host_port is None else f"{LOOPBACK}:{self.host_port}"

    def address(self, form: str) -> tuple[str, int]:
        """Return host and port for a form, `host` or `network`."""
        return (LOOPBACK, self.host_port) if form == "host" and self.host_port else (self.service, self.port)


class Engine(pulumi.ComponentResource):
    """One initialized engine: what others need to reach it, its server's container if it has one, and what an application is told."""

    endpoint: Endpoint | None
    initialization: Initialization | None
    # The administrator's.
    connection: Mapping[str, Any]
    server: DatabaseContainer | None = None
    listener: Listener = Listener()
    # The administrator's first, then the application's.
    credentials: Sequence[Credential] = ()
    # What differs from `connection` for a service that has a user of its own.
    logins: Mapping[str, Mapping[str, Any]] = {}

    @property
    def enabled(self) -> bool:
        """Whether the settings ask for the engine; volume and passwords are there even when they do not."""
        return self.initialization is not None

    @property
    def accounts(self) -> Sequence[Credential]:
        """Return those that initialization makes: all but the administrator."""
        return self.credentials[1:]

    def connection_of(self, service: str) -> dict[str, Any]:
        """Return the connection of `monitor` or `backups`: as a user of its own where there is one, else as the administrator."""
        return {**self.connection, **self.logins.get(service, {})}

    def environment(self, form: str) -> dict[str, pulumi.Input[str]]:
        """Return the application's variables for a form, `host` or `network`."""
        raise NotImplementedError

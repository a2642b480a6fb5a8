"""What every component of a stack shares: its settings, names, network and options."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.images import reference
from components.naming import Naming
from components.settings import Settings

# The toolbox image's own user.
TOOLBOX_USER = "10001:10001"


@dataclass(frozen=True, kw_only=True)
class Coordination:
    """Where the migrations of all engines meet: PostgreSQL's connection, and what must have run before it can be used."""

    connection: Mapping[str, Any]
    initialization: pulumi.Resource


@dataclass(frozen=True, kw_only=True)
class Authority:
    """The stack's private certificate authority: the seed of all keys, its certificate (PEM), and where clients have that, by form."""

    seed: pulumi.Output[str]
    certificate: pulumi.Output[str]
    paths: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Context:
    """One stack's settings and names, with the networks its containers join.

    `network` is where applications find the engines, `backend` where Milvus finds its stores; `operations` leads outside, where
    `network` does not, and on `vectors` Milvus is alone with its gateway, in production. Without an `authority`,
    connections are not encrypted.
    """

    settings: Settings
    naming: Naming
    network: pulumi.Output[str]
    backend: pulumi.Output[str]
    operations: pulumi.Output[str] | None = None
    vectors: pulumi.Output[str] | None = None
    coordination: Coordination | None = None
    authority: Authority | None = None

    def image(self, service: str) -> str:
        """Return the pinned image reference of a service for this stack's image source."""
        return reference(service, self.settings.image_source)

    def data_volume(self, service: str) -> str:
        """Return the name of the data volume that a service's container uses."""
        return self.naming.data_volume(service, self.settings.volume_serial(service).number)

    def protected(
        self, parent: pulumi.Resource, *, depends_on: list[pulumi.Resource] | None = None
    ) -> pulumi.ResourceOptions:
        """Return options for what must outlive containers: protected in production."""
        return pulumi.ResourceOptions(parent=parent, protect=self.settings.production, depends_on=depends_on)

"""The server that fills the next data volume during an upgrade: declared as its engine's, where nobody but jobs reaches it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_docker as docker

from components.context import Context
from components.hardening import labelled
from init.resources.process_limit import ProcessLimit

if TYPE_CHECKING:
    from components.container import ContainerSpec


def next_name(service: str) -> str:
    """Return what such a server is called, beside its engine's own."""
    return f"{service}-next"


def declare_next(
    spec: "ContainerSpec",
    context: Context,
    arguments: Mapping[str, Any],
    *,
    after: pulumi.Resource,
    parent: pulumi.Resource,
) -> None:
    """Declare the server; `arguments` are those of its container, which starts `after` its secrets are written."""
    name = next_name(spec.service)
    image = docker.RemoteImage(
        f"{name}-image",
        name=context.image(spec.service),
        keep_locally=True,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    alone = docker.ContainerNetworksAdvancedArgs(name=context.naming.upgrade, aliases=[spec.service])
    container = docker.Container(
        f"{name}-container",
        name=context.naming.container(name),
        image=image.image_id,
        networks_advanced=[alone],
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[after]),
        **{**arguments, "labels": labelled(context.naming.labels(name))},
    )
    ProcessLimit(
        f"{name}-process-limit",
        stack=context.naming.stack,
        service=name,
        container=container.id,
        limit=spec.processes,
        opts=pulumi.ResourceOptions(parent=parent),
    )

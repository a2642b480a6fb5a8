"""Ties an engine's container to its initialization."""

import os
from collections.abc import Mapping
from typing import Any

import pulumi

from components.context import TOOLBOX_USER, Context
from components.engine import Engine
from components.machine import generation
from components.settings import Settings
from init.resources.initialization import Initialization


def data_user(settings: Settings) -> str:
    """Return the user, `uid:gid`, of whom jobs touch files: in development DuckDB's file belongs to who runs Pulumi."""
    return TOOLBOX_USER if settings.production else f"{os.getuid()}:{os.getgid()}"


def initialize(
    service: str,
    *,
    context: Context,
    engine: Engine,
    container: pulumi.Input[str],
    user: str = TOOLBOX_USER,
    volumes: Mapping[str, pulumi.Input[str]] | None = None,
    identity: pulumi.Input[str] = "",
    host_file: str = "",
    also: Mapping[str, Any] | None = None,
) -> Initialization:
    """Declare the initialization of a service, run in the stack's network once `container` is healthy.

    PostgreSQL, which coordinates the migrations of all engines, comes before the others. `also` is what only migrations need to
    know of the connection.
    """
    coordination, data = context.coordination, generation(context.naming.stack)
    return Initialization(
        f"{service}-initialization",
        stack=context.naming.stack,
        service=service,
        image=context.image("toolbox"),
        network=context.network,
        user=user,
        container=container,
        connection={**engine.connection, **(also or {})},
        accounts=[one.account for one in engine.accounts],
        volumes=volumes or {},
        identity=pulumi.Output.from_input(identity).apply(lambda home: f"{home or ''}{data}"),
        host_file=host_file,
        coordination=coordination.connection if coordination else engine.connection,
        target=context.settings.schema_version(service),
        opts=pulumi.ResourceOptions(parent=engine, depends_on=[coordination.initialization] if coordination else None),
    )

"""Volumes: separate resources that outlive containers, whatever a feature flag says."""

import pulumi
import pulumi_docker as docker

from components.context import Context


def data_volume(
    context: Context,
    service: str,
    *,
    parent: pulumi.Resource,
    purpose: str = "data",
    host_directory: pulumi.Input[str] | None = None,
    depends_on: list[pulumi.Resource] | None = None,
) -> docker.Volume:
    """Declare the volume of a service; `host_directory` binds it to a directory of this host, which must exist."""
    bind = None if host_directory is None else {"type": "none", "o": "bind", "device": host_directory}
    return docker.Volume(
        f"{service}-{purpose}",
        name=context.naming.volume(service, purpose),
        driver="local",
        driver_opts=bind,
        labels=[
            docker.VolumeLabelArgs(label=key, value=value) for key, value in context.naming.labels(service).items()
        ],
        opts=context.protected(parent, depends_on=depends_on),
    )

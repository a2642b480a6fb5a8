"""Volumes: separate resources that outlive containers, whatever a feature flag says."""

import pulumi
import pulumi_docker as docker

from components.context import Context
from components.serials import Serial
from components.volume_versions import labels

_DATA = "data"


def data_volume(
    context: Context,
    service: str,
    *,
    parent: pulumi.Resource,
    purpose: str = _DATA,
    host_directory: pulumi.Input[str] | None = None,
    depends_on: list[pulumi.Resource] | None = None,
) -> docker.Volume:
    """Declare the volume of a service; `host_directory` binds it to a directory of this host, which must exist."""
    serial = context.settings.volume_serial(service) if purpose == _DATA else Serial()
    if serial.mark == "-":
        # Until Pulumi has forgotten the one before, it must not be taken for one that is not wanted any more.
        _declared(context, service, _numbered(serial.number - 1), context.protected(parent))
    bind = None if host_directory is None else {"type": "none", "o": "bind", "device": host_directory}
    name = purpose if purpose != _DATA else _numbered(serial.number)
    return _declared(context, service, name, context.protected(parent, depends_on=depends_on), bind)


def _declared(
    context: Context,
    service: str,
    purpose: str,
    options: pulumi.ResourceOptions,
    bind: dict[str, pulumi.Input[str]] | None = None,
) -> docker.Volume:
    # An engine cannot change a volume's labels: what it carries says by whom its data were made, not who reads them now.
    options.ignore_changes = ["labels"]
    naming = context.naming
    is_data = purpose.startswith(_DATA)
    told = labels(naming, service, context.settings.image_source) if is_data else naming.labels(service)
    return docker.Volume(
        f"{service}-{purpose}",
        name=naming.volume(service, purpose),
        driver="local",
        driver_opts=bind,
        labels=[docker.VolumeLabelArgs(label=key, value=value) for key, value in told.items()],
        opts=options,
    )


def _numbered(number: int) -> str:
    return _DATA if number == 1 else f"{_DATA}-{number}"

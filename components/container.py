"""The hardened container that every server runs in."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_docker as docker

from components.context import TOOLBOX_USER, Context
from components.definition import definition, replacement
from components.hardening import hardened, labelled, scratch
from components.network import Attachment
from components.next_server import declare_next
from components.secrets import DIRECTORY, EngineSecrets, Owner
from components.upgrade_rules import REPLACEABLE
from init.resources.confinement import NO_RESOLVER
from init.resources.login import Login
from init.resources.process_limit import ProcessLimit

_CONFIGURATION_LABEL = "com.ai-karen.configuration"


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A health check, every field set: what an image declares itself would otherwise show as a change for ever.

    `start_period_seconds` is how long failures do not count; afterwards `retries` in a row make it unhealthy.
    """

    test: Sequence[str]
    interval_seconds: int = 2
    timeout_seconds: int = 5
    start_period_seconds: int = 60
    retries: int = 5

    def arguments(self) -> docker.ContainerHealthcheckArgs:
        """Return the provider's form."""
        return docker.ContainerHealthcheckArgs(
            tests=list(self.test),
            interval=f"{self.interval_seconds}s",
            timeout=f"{self.timeout_seconds}s",
            start_period=_duration(self.start_period_seconds),
            retries=self.retries,
        )


def _duration(seconds: int) -> str:
    """Return seconds in the engine's own spelling (`1m0s`): any other reads as a change on the next preview."""
    return f"{seconds // 60}m{seconds % 60}s" if seconds >= 60 else f"{seconds}s"


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """How one server runs. `memory` is bytes; `ports` maps container port to host port (development only).

    `image` is another service's where it is not its own; `mounts` maps paths to volumes that it may only read, `sockets`
    to such that it may write to, and `scratch` to whole mebibytes of memory. `processes` counts threads as well. With `outside`,
    it leads outside in production too.
    """

    service: str
    owner: Owner
    memory: int
    cpus: float
    processes: int
    health: HealthCheck
    networks: Sequence[Attachment]
    data_path: str = ""
    image: str = ""
    entrypoint: Sequence[str] = ()
    command: Sequence[pulumi.Input[str]] = ()
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    ports: Mapping[int, int] = field(default_factory=dict)
    stop_signal: str = "SIGTERM"
    stop_seconds: int = 30
    restart: str = "unless-stopped"
    shared_memory: int = 64
    mounts: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    sockets: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    scratch: Mapping[str, int] = field(default_factory=dict)
    outside: bool = False
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


def configured(told: pulumi.Output[str]) -> dict[str, pulumi.Output[str]]:
    """Return the label of a server that reads what it is told once, when it starts: told something else, it is made anew."""
    return {_CONFIGURATION_LABEL: told.apply(lambda text: hashlib.sha256(text.encode()).hexdigest()[:12])}


class DatabaseContainer(pulumi.ComponentResource):
    """A container with limits, no capabilities, a root directory that nobody can write to, rotated logs and a health check."""

    id: pulumi.Output[str]
    spec: ContainerSpec

    def __init__(
        self,
        spec: ContainerSpec,
        *,
        context: Context,
        secrets: EngineSecrets,
        volume: pulumi.Input[str] | None = None,
        login: Mapping[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`volume` is where its data are, if it has any. With `login`, the administrator's connection, a server that does not
        accept it is named and not replaced.
        """
        super().__init__("karen:container:DatabaseContainer", f"{spec.service}-server", None, opts)
        self.spec = spec
        image = docker.RemoteImage(
            f"{spec.service}-image",
            name=context.image(spec.image or spec.service),
            keep_locally=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        before: list[pulumi.Resource] = [secrets.writer]
        if volume is not None and context.settings.production and spec.service in REPLACEABLE:
            before.append(replacement(spec, context, volume, self))
        if volume is not None and login is not None:
            before.append(_login(spec, context, image, volume, login, self))
        self.container = docker.Container(
            f"{spec.service}-container",
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True, depends_on=before),
            name=context.naming.container(spec.service),
            image=image.image_id,
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(name=one.network, aliases=[one.alias])
                for one in _networks(spec, context)
            ],
            ports=[
                docker.ContainerPortArgs(internal=inside, external=outside, ip="127.0.0.1", protocol="tcp")
                for inside, outside in (spec.ports.items() if not context.settings.production else ())
            ],
            **container_arguments(spec, context, volume=volume, secrets=secrets),
        )
        self.id = self.container.id
        _process_limit(spec, context, self)
        serial = context.settings.volume_serial(spec.service)
        if serial.mark == "+":
            following = context.naming.data_volume(spec.service, serial.number + 1)
            arguments = container_arguments(spec, context, volume=following, secrets=secrets)
            declare_next(spec, context, arguments, after=secrets.writer, parent=self)
        self.register_outputs({"id": self.id})


def container_arguments(
    spec: ContainerSpec, context: Context, *, volume: pulumi.Input[str] | None, secrets: EngineSecrets
) -> dict[str, Any]:
    """Return what a server's container is made from, whatever it is called and whoever reaches it."""
    return {
        "hostname": spec.service,
        "entrypoints": list(spec.entrypoint) or None,
        "command": list(spec.command) or None,
        "envs": [pulumi.Output.concat(key, "=", value) for key, value in sorted(spec.environment.items())],
        "user": str(spec.owner),
        "volumes": _mounts(spec, volume, secrets),
        "tmpfs": scratch(spec.scratch, spec.owner) or None,
        "dns": [NO_RESOLVER] if context.settings.production and not spec.outside else None,
        "healthcheck": spec.health.arguments(),
        "stop_signal": spec.stop_signal,
        "shm_size": spec.shared_memory,
        "restart": spec.restart,
        "stop_timeout": spec.stop_seconds,
        "destroy_grace_seconds": spec.stop_seconds,
        "labels": labelled({**context.naming.labels(spec.service), **spec.labels}),
        **hardened(memory=spec.memory, cpus=spec.cpus),
    }


def _process_limit(spec: ContainerSpec, context: Context, parent: DatabaseContainer) -> None:
    ProcessLimit(
        f"{spec.service}-process-limit",
        stack=context.naming.stack,
        service=spec.service,
        container=parent.id,
        limit=spec.processes,
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _login(
    spec: ContainerSpec,
    context: Context,
    image: docker.RemoteImage,
    volume: pulumi.Input[str],
    connection: Mapping[str, Any],
    parent: pulumi.Resource,
) -> Login:
    return Login(
        spec.service,
        stack=context.naming.stack,
        image=context.image("toolbox"),
        network=context.network,
        user=TOOLBOX_USER,
        name=context.naming.container(spec.service),
        volume=volume,
        connection=connection,
        definition=definition(spec, image.image_id),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _networks(spec: ContainerSpec, context: Context) -> list[Attachment]:
    """Return what it joins, with what leads outside where the others do not."""
    if not spec.outside or context.operations is None:
        return list(spec.networks)
    return [*spec.networks, Attachment(network=context.operations, alias=spec.service)]


def _mounts(
    spec: ContainerSpec, volume: pulumi.Input[str] | None, secrets: EngineSecrets
) -> list[docker.ContainerVolumeArgs]:
    writable = {**({spec.data_path: volume} if volume is not None else {}), **spec.sockets}
    readable = {DIRECTORY: secrets.volume, **spec.mounts}
    return [
        *(docker.ContainerVolumeArgs(volume_name=name, container_path=path) for path, name in writable.items()),
        *(
            docker.ContainerVolumeArgs(volume_name=name, container_path=path, read_only=True)
            for path, name in readable.items()
        ),
    ]

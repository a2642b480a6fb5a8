"""The hardened container that every server runs in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_docker as docker

from components.context import Context
from components.secrets import DIRECTORY, EngineSecrets, Owner
from components.sizes import mebibytes

# Log files of one container: at most three of 10 MB each.
LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}


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
    to such that it may write to; `networks` are joined besides the stack's.
    """

    service: str
    owner: Owner
    memory: int
    cpus: float
    health: HealthCheck
    data_path: str
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
    networks: Sequence[pulumi.Input[str]] = ()
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


class DatabaseContainer(pulumi.ComponentResource):
    """A container with limits, no capabilities, no new privileges, rotated logs and a health check."""

    id: pulumi.Output[str]
    spec: ContainerSpec

    def __init__(
        self,
        spec: ContainerSpec,
        *,
        context: Context,
        volume: pulumi.Input[str],
        secrets: EngineSecrets,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("karen:container:DatabaseContainer", f"{spec.service}-server", None, opts)
        self.spec = spec
        image = docker.RemoteImage(
            f"{spec.service}-image",
            name=context.image(spec.image or spec.service),
            keep_locally=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.container = docker.Container(
            f"{spec.service}-container",
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True, depends_on=[secrets.writer]),
            name=context.naming.container(spec.service),
            hostname=spec.service,
            image=image.image_id,
            entrypoints=list(spec.entrypoint) or None,
            command=list(spec.command) or None,
            envs=[pulumi.Output.concat(key, "=", value) for key, value in sorted(spec.environment.items())],
            user=str(spec.owner),
            volumes=_mounts(spec, volume, secrets),
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(name=network, aliases=[spec.service])
                for network in (context.network, *spec.networks)
            ],
            ports=[
                docker.ContainerPortArgs(internal=inside, external=outside, ip="127.0.0.1", protocol="tcp")
                for inside, outside in (spec.ports.items() if not context.settings.production else ())
            ],
            healthcheck=spec.health.arguments(),
            stop_signal=spec.stop_signal,
            # Equal memory and swap limits mean: no swap.
            memory=mebibytes(spec.memory),
            memory_swap=mebibytes(spec.memory),
            # The provider reads it back with a decimal point; any other spelling would replace the container for ever.
            cpus=str(float(spec.cpus)),
            shm_size=spec.shared_memory,
            restart=spec.restart,
            must_run=True,
            security_opts=["no-new-privileges:true"],
            capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
            log_driver="json-file",
            log_opts=LOG_OPTIONS,
            stop_timeout=spec.stop_seconds,
            destroy_grace_seconds=spec.stop_seconds,
            labels=[
                docker.ContainerLabelArgs(label=key, value=value)
                for key, value in {**context.naming.labels(spec.service), **spec.labels}.items()
            ],
        )
        self.id = self.container.id
        self.register_outputs({"id": self.id})


def _mounts(spec: ContainerSpec, volume: pulumi.Input[str], secrets: EngineSecrets) -> list[docker.ContainerVolumeArgs]:
    writable = {spec.data_path: volume, **spec.sockets}
    readable = {DIRECTORY: secrets.volume, **spec.mounts}
    return [
        *(docker.ContainerVolumeArgs(volume_name=name, container_path=path) for path, name in writable.items()),
        *(
            docker.ContainerVolumeArgs(volume_name=name, container_path=path, read_only=True)
            for path, name in readable.items()
        ),
    ]

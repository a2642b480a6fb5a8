"""The proxy through which a container of this stack reaches the container engine: this stack's servers, and nothing else."""

from collections.abc import Sequence

import pulumi
import pulumi_docker as docker

from components.container import HealthCheck
from components.context import Context
from components.engine_access import configuration
from components.hardening import hardened, labelled
from components.sizes import MEBIBYTE
from init.resources.process_limit import ProcessLimit

SERVICE = "proxy"
# The volume with the socket is mounted here, by the proxy and by its clients.
DIRECTORY = "/run/engine"
SOCKET = f"{DIRECTORY}/engine.sock"
ENGINE_SOCKET = "/run/host/engine.sock"
# Without capabilities, root is no more than the owner of the engine's socket.
USER = "0:0"
# The provider uploads no file to a read-only root file system. So the configuration is an argument, and stays with the container.
ENTRY_POINT = ["bash", "-c", 'exec haproxy -db -f /dev/stdin <<< "$1"', "haproxy"]
# At rest it was seen to use 6 MiB, and 9 MiB while its health is asked.
MEMORY = 64 * MEBIBYTE
_CPUS = 0.5
# One thread, and what asks for its health.
_PROCESSES = 32
_STOP_SECONDS = 10
# Perl is part of every Debian, also of the upstream image's; a client for HTTP is not.
_ASK = (
    f'$proxy = IO::Socket::UNIX->new(Peer => "{SOCKET}") or die "{SOCKET}: $!\\n";'
    'print $proxy "GET /_ping HTTP/1.0\\r\\n\\r\\n"; print $answer = <$proxy>; exit($answer !~ / 200 /)'
)
HEALTH = HealthCheck(
    test=["CMD", "perl", "-MIO::Socket::UNIX", "-e", _ASK], interval_seconds=5, start_period_seconds=20
)


class EngineProxy(pulumi.ComponentResource):
    """A proxy in front of the engine's socket, and the volume in which its own socket `engine.sock` appears.

    A client mounts `volume`, the volume's name, at DIRECTORY, and depends on `container`. Any user may connect.
    """

    volume: pulumi.Output[str]

    def __init__(
        self, services: Sequence[str], *, context: Context, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """`services` are those whose containers may be looked at, started, stopped and restarted."""
        super().__init__("karen:engine:EngineProxy", SERVICE, None, opts)
        labels = context.naming.labels(SERVICE)
        # It holds no data, and goes with the proxy, in production as well.
        volume = docker.Volume(
            "engine-socket",
            name=context.naming.volume("engine", "socket"),
            driver="local",
            labels=[docker.VolumeLabelArgs(label=key, value=value) for key, value in labels.items()],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.volume = volume.name
        self.container = self._container(services, context)
        ProcessLimit(
            f"{SERVICE}-process-limit",
            stack=context.naming.stack,
            service=SERVICE,
            container=self.container.id,
            limit=_PROCESSES,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"volume": self.volume})

    def _container(self, services: Sequence[str], context: Context) -> docker.Container:
        image = docker.RemoteImage(
            f"{SERVICE}-image",
            name=context.image(SERVICE),
            keep_locally=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        containers = [context.naming.container(service) for service in services]
        return docker.Container(
            f"{SERVICE}-container",
            # Of another mount the provider says that it updates the container, and does nothing.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True, replace_on_changes=["mounts"]),
            name=context.naming.container(SERVICE),
            hostname=SERVICE,
            image=image.image_id,
            entrypoints=ENTRY_POINT,
            command=[configuration(containers, listen=SOCKET, engine=ENGINE_SOCKET)],
            user=USER,
            network_mode="none",
            volumes=[docker.ContainerVolumeArgs(volume_name=self.volume, container_path=DIRECTORY)],
            # As a mount, a path that is not there is an error; as a volume, the engine would make it a directory.
            mounts=[
                docker.ContainerMountArgs(
                    type="bind", source=context.settings.engine_socket, target=ENGINE_SOCKET, read_only=True
                )
            ],
            healthcheck=HEALTH.arguments(),
            stop_signal="SIGUSR1",
            shm_size=64,
            # With the monitor, which may have to start all others.
            restart="always",
            stop_timeout=_STOP_SECONDS,
            destroy_grace_seconds=_STOP_SECONDS,
            labels=labelled(context.naming.labels(SERVICE)),
            **hardened(memory=MEMORY, cpus=_CPUS),
        )

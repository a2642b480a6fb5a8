"""The gateway to Milvus, in production: applications reach the one port at which it asks for a password, and no other.

Milvus listens on every network that it is on, with its metrics (port 9091) and with each of its components, and asks for nothing there:
whoever reaches those ports reads its settings and its rows, and turns its authentication off.
"""

import pulumi
import pulumi_docker as docker

from components.container import HealthCheck
from components.context import Context
from components.engine_proxy import ENTRY_POINT
from components.hardening import hardened, labelled
from components.network import Attachment
from components.sizes import MEBIBYTE
from init.resources.confinement import NO_RESOLVER
from init.resources.process_limit import ProcessLimit

SERVICE = "gateway"
# The names of Milvus: for applications, who find the gateway by it, and on the network of the two.
_ALIAS, SERVER = "milvus", "vectors"
USER = "99:99"
# A connection holds two buffers of 16 KiB while it is busy.
_CONNECTIONS, MEMORY = 1024, 96 * MEBIBYTE
_CPUS = 1.0
_PROCESSES = 32
_STOP_SECONDS = 10
_HEALTH_PORT = 8405
_ASK = (
    f'$own = IO::Socket::INET->new(PeerAddr => "127.0.0.1:{_HEALTH_PORT}") or die "{_HEALTH_PORT}: $!\\n";'
    'print $own "GET /health HTTP/1.0\\r\\n\\r\\n"; print $answer = <$own>; exit($answer !~ / 200 /)'
)
HEALTH = HealthCheck(
    test=["CMD", "perl", "-MIO::Socket::INET", "-e", _ASK], interval_seconds=5, start_period_seconds=20
)


def configuration(port: int) -> str:
    """Return HAProxy's configuration: it passes bytes, encrypted or not, and asks for the server's address each second."""
    return f"""\
global
    log stdout format raw local0 notice
    nbthread 1
    maxconn {_CONNECTIONS}
    hard-stop-after 5s

defaults
    mode tcp
    log global
    timeout connect 5s
    # Channels stay open between calls.
    timeout client 1h
    timeout server 1h

resolvers engine
    nameserver engine 127.0.0.11:53
    timeout resolve 1s
    timeout retry 1s
    hold valid 1s

frontend applications
    bind :{port}
    default_backend milvus

backend milvus
    option srvtcpka
    server milvus {SERVER}:{port} resolvers engine resolve-prefer ipv4 init-addr none

frontend health
    mode http
    timeout client 5s
    bind 127.0.0.1:{_HEALTH_PORT}
    monitor-uri /health
"""


class MilvusGateway(pulumi.ComponentResource):
    """A proxy for connections on the data network and on `vectors`; Milvus depends on `container`."""

    def __init__(
        self, port: int, *, context: Context, vectors: pulumi.Output[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("karen:database:MilvusGateway", SERVICE, None, opts)
        image = docker.RemoteImage(
            f"{SERVICE}-image",
            name=context.image("proxy"),
            keep_locally=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        networks = (
            Attachment(network=context.network, alias=_ALIAS),
            Attachment(network=vectors, alias=SERVICE),
        )
        self.container = docker.Container(
            f"{SERVICE}-container",
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            name=context.naming.container(SERVICE),
            hostname=SERVICE,
            image=image.image_id,
            entrypoints=ENTRY_POINT,
            command=[configuration(port)],
            user=USER,
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(name=one.network, aliases=[one.alias]) for one in networks
            ],
            dns=[NO_RESOLVER],
            healthcheck=HEALTH.arguments(),
            stop_signal="SIGUSR1",
            shm_size=64,
            # An engine of containers that was killed takes its end for a stop by hand, and the monitor starts Milvus, not this.
            restart="always",
            stop_timeout=_STOP_SECONDS,
            destroy_grace_seconds=_STOP_SECONDS,
            labels=labelled(context.naming.labels(SERVICE)),
            **hardened(memory=MEMORY, cpus=_CPUS),
        )
        ProcessLimit(
            f"{SERVICE}-process-limit",
            stack=context.naming.stack,
            service=SERVICE,
            container=self.container.id,
            limit=_PROCESSES,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})

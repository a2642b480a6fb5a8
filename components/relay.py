"""The relay: a container that brings memories from PostgreSQL's outbox to Elasticsearch and Milvus, as an application would."""

import json
from collections.abc import Mapping, Sequence

import pulumi

from components import certificates
from components.container import ContainerSpec, DatabaseContainer, HealthCheck, configured
from components.context import TOOLBOX_USER, Context
from components.engine import Engine
from components.network import Attachment
from components.secrets import DIRECTORY, EngineSecrets, Owner
from init.resources.health import HealthGate

SERVICE = "relay"
FOLLOWERS = ("elasticsearch", "milvus")
_OWNER = Owner.parse(TOOLBOX_USER)
_FILE = "relay.json"
_HEARTBEAT = "/tmp/heartbeat"  # noqa: S108 - a path inside the container
# Longer than any request to an engine may take.
STALE_SECONDS = 60
# The engines of the client library of which it needs nothing.
_OTHERS = ("redis", "duckdb", "minio")
# One for each engine that follows, one for the lag, and one to spare.
_CONNECTIONS = 4


class Relay(pulumi.ComponentResource):
    """Its secrets' volume, which is always there, and the container where `enableRelay` is on and there is somebody to deliver to."""

    def __init__(
        self,
        *,
        context: Context,
        engines: Mapping[str, Engine],
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`engines` are those that are enabled; the container starts `after` whatever makes what it reads and writes."""
        super().__init__("karen:operations:Relay", SERVICE, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        is_on = context.settings.relayed
        told = _configuration(engines)
        secrets = EngineSecrets(
            SERVICE, context=context, owner=_OWNER, files={_FILE: told} if is_on else {}, opts=child
        )
        if is_on:
            server = DatabaseContainer(
                _spec(context, told),
                context=context,
                secrets=secrets,
                opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
            )
            HealthGate(
                f"{SERVICE}-health", stack=context.naming.stack, service=SERVICE, container=server.id, opts=child
            )
        self.register_outputs({})


def is_recent(path: str) -> list[str]:
    """Return the health check of a file: whether every engine was given what was due within the last minute."""
    return ["CMD", "sh", "-c", f"test $(($(date +%s) - $(stat -c %Y {path}))) -le {STALE_SECONDS}"]


def _spec(context: Context, told: pulumi.Output[str]) -> ContainerSpec:
    settings = context.settings
    trusted = context.naming.volume(certificates.SERVICE, certificates.VOLUME)
    return ContainerSpec(
        service=SERVICE,
        image="toolbox",
        entrypoint=["/opt/venv/bin/python", "-m", "database.outbox"],
        owner=_OWNER,
        memory=settings.relay_memory,
        cpus=settings.relay_cpus,
        # Milvus' client has threads of its own, by the number of processors.
        processes=256,
        # An engine of containers that was killed ends what still runs when it is back, and takes that for a stop by hand.
        restart="always",
        # Where the variables of an application say that the authority's certificate is.
        mounts={certificates.MOUNT: trusted} if settings.encrypted else {},
        scratch={"/tmp": 1},  # noqa: S108 - a path inside the container
        networks=[Attachment(network=context.network, alias=SERVICE)],
        environment={
            "RELAY_SETTINGS": f"{DIRECTORY}/{_FILE}",
            "RELAY_METRICS_PORT": str(settings.relay_port),
            "RELAY_HEARTBEAT": _HEARTBEAT,
        },
        ports={settings.relay_port: settings.relay_port},
        health=HealthCheck(test=is_recent(_HEARTBEAT), interval_seconds=3),
        # What it is told, it is told once, when it starts.
        labels=configured(told),
    )


def _configuration(engines: Mapping[str, Engine]) -> pulumi.Output[str]:
    """Return the variables of an application that uses these engines and no other, as a file."""
    variables: dict[str, pulumi.Input[str]] = {"POSTGRES_POOL_MAX": str(_CONNECTIONS)}
    for service in ("postgres", *FOLLOWERS):
        if service in engines:
            variables |= engines[service].environment("network")
    flags = {**{name: name in engines for name in FOLLOWERS}, **dict.fromkeys(_OTHERS, False)}
    variables |= {f"ENABLE_{name.upper()}": str(is_on).lower() for name, is_on in flags.items()}
    kept = {name: value for name, value in variables.items() if "_READER" not in name}
    return pulumi.Output.secret(kept).apply(lambda found: json.dumps(found, sort_keys=True))

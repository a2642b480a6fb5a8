"""The monitor: a container on the stack's network that watches every service, restarts what fails, and tells whom it should."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components import duckdb
from components.container import ContainerSpec, DatabaseContainer, HealthCheck, configured
from components.context import Context
from components.engine import Engine
from components.engine_proxy import DIRECTORY as SOCKET_DIRECTORY
from components.engine_proxy import EngineProxy
from components.network import Attachment
from components.secrets import EngineSecrets, Owner
from components.settings import Settings
from components.volume import data_volume
from init.resources.health import HealthGate

SERVICE = "monitor"
# The toolbox image's own user.
_OWNER = Owner(uid=10001, gid=10001)
_PYTHON = "/opt/venv/bin/python"


class Monitor(pulumi.ComponentResource):
    """The operations volume (`volume`), which is always there, and with `enableMonitoring` the monitor and its way to the engine's socket."""

    def __init__(
        self,
        *,
        context: Context,
        engines: Mapping[str, Engine],
        waits: Mapping[str, Sequence[str]],
        after: pulumi.Resource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`waits` says which services a service needs; the monitor starts `after` everything that it watches."""
        super().__init__("karen:operations:Monitor", SERVICE, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        operations = data_volume(context, "operations", parent=self)
        self.volume = operations.name
        settings = context.settings
        if settings.enable_monitoring:
            told = _configuration(context, engines, waits)
            secrets = EngineSecrets(
                SERVICE,
                context=context,
                owner=_OWNER,
                files={"monitor.json": told},
                owned_volumes=[operations.name],
                opts=child,
            )
            servers = [service for service, engine in engines.items() if engine.endpoint is not None]
            proxy = EngineProxy(servers, context=context, opts=child)
            spec = _spec(context, engines, proxy.volume, told)
            server = DatabaseContainer(
                spec,
                context=context,
                volume=operations.name,
                secrets=secrets,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[after, proxy.container]),
            )
            HealthGate(
                f"{SERVICE}-health", stack=context.naming.stack, service=SERVICE, container=server.id, opts=child
            )
        self.register_outputs({})


def _spec(
    context: Context,
    engines: Mapping[str, Engine],
    socket: pulumi.Input[str],
    told: pulumi.Output[str],
) -> ContainerSpec:
    settings, volume = context.settings, context.data_volume
    return ContainerSpec(
        service=SERVICE,
        image="toolbox",
        entrypoint=[_PYTHON, "-m", SERVICE],
        owner=_OWNER,
        memory=settings.monitoring_memory,
        cpus=settings.monitoring_cpus,
        processes=256,
        data_path="/operations",
        # An engine of containers that was killed ends what still runs when it is back, and takes that for a stop by hand.
        restart="always",
        # How full each one's disk is can be told without reading anything in it.
        mounts={duckdb.MOUNT: volume("duckdb"), **{f"/volumes/{service}": volume(service) for service in engines}},
        sockets={SOCKET_DIRECTORY: socket},
        scratch={"/tmp": 16},  # noqa: S108 - a path inside the container
        networks=[Attachment(network=one, alias=SERVICE) for one in (context.network, context.backend)],
        # Alerts have to.
        outside=bool(settings.alert_webhook or settings.alert_mail_server),
        ports={settings.monitoring_port: settings.monitoring_port},
        health=HealthCheck(test=["CMD", _PYTHON, "-m", SERVICE, "check"], interval_seconds=10, retries=3),
        # What it is told, it is told once, when it starts.
        labels=configured(told),
    )


def _configuration(
    context: Context, engines: Mapping[str, Engine], waits: Mapping[str, Sequence[str]]
) -> pulumi.Output[str]:
    """Return the monitor's configuration file."""
    settings, naming = context.settings, context.naming
    document = {
        "stack": naming.stack,
        "networks": {
            service: [one.network for one in engine.server.spec.networks]
            for service, engine in engines.items()
            if engine.server is not None
        },
        "engines": {service: engine.connection_of(SERVICE) for service, engine in engines.items()},
        "containers": {
            service: naming.container(service) for service, engine in engines.items() if engine.endpoint is not None
        },
        "waits": {service: [one for one in waits.get(service, ()) if one in engines] for service in engines},
        "interval": settings.monitoring_interval,
        "port": settings.monitoring_port,
        "backups": settings.enable_backups,
        "certificates": {
            service: engine.listener.expires
            for service, engine in engines.items()
            if engine.listener.expires is not None
        },
        "webhook": settings.alert_webhook.get_secret_value() if settings.alert_webhook else None,
        "mail": _mail(settings),
    }
    return pulumi.Output.secret(document).apply(lambda found: json.dumps(found, sort_keys=True))


def _mail(settings: Settings) -> dict[str, Any] | None:
    if settings.alert_mail_server is None:
        return None
    host, _, port = settings.alert_mail_server.rpartition(":")
    return {
        "host": host,
        "port": int(port),
        "security": settings.alert_mail_security,
        "user": settings.alert_mail_user or "",
        "password": settings.alert_mail_password.get_secret_value() if settings.alert_mail_password else "",
        "sender": settings.alert_mail_from,
        "recipients": (settings.alert_mail_to or "").split(","),
    }

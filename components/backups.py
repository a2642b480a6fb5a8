"""Backups: where sets go, the keys that they are made with, and with `enableBackups` a container that makes them by itself."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_docker as docker

from backup.configuration import OPERATIONS, STAGING, TARGET
from components import elasticsearch
from components.backup_target import BackupTarget
from components.container import ContainerSpec, DatabaseContainer, HealthCheck, configured
from components.context import Context
from components.engine import Engine
from components.initialize import data_user
from components.network import Attachment
from components.secrets import EngineSecrets, Owner, public_of, seed
from components.volume import data_volume
from init.resources.files import Directory
from init.resources.health import HealthGate

SERVICE = "backups"
_PYTHON = "/opt/venv/bin/python"


class Backups(pulumi.ComponentResource):
    """Volumes and keys, which are always there: commands make and restore sets without the container as well.

    `job` is what a job of the host needs, secrets included.
    """

    job: dict[str, Any]

    def __init__(
        self,
        *,
        context: Context,
        engines: Mapping[str, Engine],
        duckdb: Mapping[str, pulumi.Input[str]],
        staging: pulumi.Output[str],
        operations: pulumi.Output[str],
        after: pulumi.Resource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`duckdb` maps the database's mount to its volume, `staging` is Elasticsearch's; the container starts `after` all engines."""
        super().__init__("karen:operations:Backups", SERVICE, None, opts)
        self._context, self._target = context, BackupTarget.parse(context.settings.backup_target)
        own = data_volume(context, SERVICE, parent=self)
        target = self._directory() if self._target.directory else own.name
        work = data_volume(context, SERVICE, purpose="staging", parent=self)
        identity = seed(context, f"{SERVICE}-identity", parent=self).apply(_identity)
        document = self._document(engines, identity)
        user = data_user(context.settings)
        enabled = context.settings.enable_backups
        told = pulumi.Output.secret(document).apply(lambda found: json.dumps(found, sort_keys=True))
        secrets = EngineSecrets(
            SERVICE,
            context=context,
            owner=Owner.parse(user),
            files={"backup.json": told} if enabled else {},
            owned_volumes=[target, work.name],
            directories=[Directory(volume=operations, name=OPERATIONS.name, owner=user)],
            opts=pulumi.ResourceOptions(parent=self),
        )
        volumes = {TARGET: target, STAGING: work.name, elasticsearch.STAGING: staging, **duckdb}
        if enabled:
            spec = self._spec({**volumes, str(OPERATIONS.parent): operations}, told)
            self._server(spec, target, secrets, after)
        self.job = {
            "stack": context.naming.stack,
            "image": context.image("toolbox"),
            "network": context.network,
            "outside": context.operations or "",
            "user": user,
            # A job only reads what the container has written there.
            "volumes": {**volumes, f"{OPERATIONS.parent}:ro": operations},
            "configuration": document,
            "recipient": document["recipient"],
            "public": document["signing"].apply(public_of),
            "identity": identity,
            "signing": document["signing"],
            "servers": _servers(context, engines),
            # For commands alone: no container is told.
            "restore_damaged": list(context.settings.restored_when_damaged),
        }
        self.register_outputs({})

    def _directory(self) -> pulumi.Output[str]:
        """Declare a volume that is a directory of the engine's host; it only points there, so nothing is lost with it."""
        naming, path = self._context.naming, self._target.directory
        # Another directory is another volume: one cannot be pointed elsewhere.
        name = naming.volume(SERVICE, f"directory-{hashlib.sha256(path.encode()).hexdigest()[:8]}")
        return docker.Volume(
            f"{SERVICE}-directory",
            name=name,
            driver="local",
            driver_opts={"type": "none", "o": "bind", "device": path},
            labels=[docker.VolumeLabelArgs(label=key, value=value) for key, value in naming.labels(SERVICE).items()],
            opts=pulumi.ResourceOptions(parent=self),
        ).name

    def _document(self, engines: Mapping[str, Engine], identity: pulumi.Output[str]) -> dict[str, Any]:
        """Return what `backup.configuration.Configuration` is built from."""
        settings = self._context.settings
        return {
            "stack": self._context.naming.stack,
            "engines": {service: engine.connection_of(SERVICE) for service, engine in engines.items()},
            "recipient": identity.apply(_recipient),
            "signing": seed(self._context, f"{SERVICE}-signing", parent=self),
            "target": self._target_document(),
            "schedule": settings.backup_schedule,
            "keep": settings.backup_keep,
            "staging": STAGING,
            "software": self._context.image("toolbox"),
        }

    def _target_document(self) -> dict[str, Any]:
        settings = self._context.settings
        if not self._target.bucket:
            return {"kind": "directory", "path": TARGET}
        assert settings.backup_access_key is not None
        assert settings.backup_secret_key is not None
        return {
            "kind": "bucket",
            "bucket": self._target.bucket,
            "prefix": self._target.prefix,
            "endpoint": settings.backup_endpoint or f"https://s3.{settings.backup_region}.amazonaws.com",
            "region": settings.backup_region,
            "access_key": settings.backup_access_key.get_secret_value(),
            "secret_key": settings.backup_secret_key.get_secret_value(),
        }

    def _spec(self, volumes: Mapping[str, pulumi.Input[str]], told: pulumi.Output[str]) -> ContainerSpec:
        settings = self._context.settings
        return ContainerSpec(
            service=SERVICE,
            image="toolbox",
            entrypoint=[_PYTHON, "-m", "backup.service"],
            owner=Owner.parse(data_user(settings)),
            memory=settings.backup_memory,
            cpus=settings.backup_cpus,
            processes=512,
            data_path=TARGET,
            # An engine of containers that was killed ends what still runs when it is back, and takes that for a stop by hand.
            restart="always",
            # Jobs mount with options, which a container's mounts have not: what they are for is done by then.
            sockets={path.partition(":")[0]: volume for path, volume in volumes.items() if path != TARGET},
            scratch={"/tmp": 16},  # noqa: S108 - a path inside the container
            networks=[Attachment(network=self._context.network, alias=SERVICE)],
            outside=bool(self._target.bucket),
            health=HealthCheck(test=["CMD", _PYTHON, "-m", "backup.service", "check"], interval_seconds=10, retries=3),
            # A set that is being made has 20 seconds to end in order, and the log's receiver 10.
            stop_seconds=45,
            # What it is told, it is told once, when it starts.
            labels=configured(told),
        )

    def _server(
        self, spec: ContainerSpec, target: pulumi.Output[str], secrets: EngineSecrets, after: pulumi.Resource
    ) -> None:
        server = DatabaseContainer(
            spec,
            context=self._context,
            volume=target,
            secrets=secrets,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[after]),
        )
        HealthGate(
            f"{SERVICE}-health",
            stack=self._context.naming.stack,
            service=SERVICE,
            container=server.id,
            opts=pulumi.ResourceOptions(parent=self),
        )


def _servers(context: Context, engines: Mapping[str, Engine]) -> dict[str, Any]:
    """Return each server's container, and whose its data are."""
    return {
        service: {
            "container": context.naming.container(service),
            "image": context.image(service),
            "volume": context.data_volume(service),
            "user": str(engine.server.spec.owner),
            "path": engine.server.spec.data_path,
            "command": list(engine.server.spec.command),
        }
        for service, engine in engines.items()
        if engine.server is not None
    }


# The libraries of keys are imported when there is a key to derive, which is not so in a first preview.
def _identity(text: str) -> str:
    from backup.keys import identity_of

    return identity_of(text)


def _recipient(identity: str) -> str:
    from backup.keys import recipient_of

    return recipient_of(identity)

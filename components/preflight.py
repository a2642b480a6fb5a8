"""What can be known before anything is made: the engine answers, the images are there, the ports are free."""

import errno
import os
import re
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from components import rules, volume_versions
from components.backup_target import BackupTarget
from components.images import needed, reference
from components.naming import STACK_LABEL
from components.settings import PROJECT, Settings, SettingsError

if TYPE_CHECKING:
    import docker

_STACK_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,29}$")


def check(stack: str, settings: Settings) -> None:
    """Raise SettingsError with everything that would keep the stack from coming up; touches nothing."""
    if not _STACK_NAME.match(stack):
        raise SettingsError(
            [
                f"The stack's name is {stack!r}: at most 30 lower-case letters, digits and dashes, beginning with a letter or digit, "
                "because containers, volumes and networks carry it. Fix: pulumi stack rename <name>"
            ]
        )
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=5)
        try:
            problems = [
                *_passphrase(stack, settings),
                *_directory(stack, settings),
                *_engine_socket(settings),
                *_backup_directory(settings),
                *port_problems(client, stack, settings),
                *_limits(client, settings),
                *_images(client, settings),
                *_volumes(client, stack, settings),
            ]
        finally:
            client.close()
    except DockerException as error:
        raise SettingsError(
            [f"The container engine does not answer ({error}). Fix: make bootstrap, or start it"]
        ) from None
    if problems:
        raise SettingsError(problems)


def port_problems(client: "docker.DockerClient", stack: str, settings: Settings) -> Iterator[str]:
    """A port is free when it can be bound, or is published by a container of this stack that runs or is started again."""
    taken = {field: port for field, port in rules.ports(settings).items() if not _bindable(port)}
    if not taken or _remote():
        return
    own = _published(client, stack)
    for field, port in taken.items():
        if port not in own and not _bindable(port):
            yield (
                f"{PROJECT}:{rules.camel(field)} is {port}: another process of this host uses that port on 127.0.0.1. "
                f"Fix: stop it (ss -ltnp 'sport = :{port}' names it), or pulumi config set {PROJECT}:{rules.camel(field)} <port>"
            )


def _published(client: "docker.DockerClient", stack: str) -> set[int]:
    """Return what the stack's containers are to publish: while the engine starts one again, it publishes nothing yet."""
    from docker.errors import NotFound

    ports: set[int] = set()
    filters = {"label": f"{STACK_LABEL}={stack}", "status": ["running", "restarting"]}
    for container in client.api.containers(all=True, filters=filters):
        with suppress(NotFound):
            bindings = client.api.inspect_container(container["Id"])["HostConfig"]["PortBindings"] or {}
            ports |= {int(one["HostPort"] or 0) for bound in bindings.values() for one in bound or ()}
    return ports


def _directory(stack: str, settings: Settings) -> Iterator[str]:
    """The host's directory for DuckDB goes with the stack, so it must not hold anything else."""
    from init.resources.host_directory import is_foreign

    directory = settings.duckdb_host_directory
    if directory is not None and is_foreign(Path(directory), stack):
        yield (
            f"{PROJECT}:duckdbHostDirectory is {directory!r}: it holds other things, and would be removed with the stack. "
            f"Fix: pulumi config set {PROJECT}:duckdbHostDirectory <a new or empty directory>"
        )


def _backup_directory(settings: Settings) -> Iterator[str]:
    """A directory for backups is nobody's to make, but who has mounted a disk there: a missing one would fill another disk."""
    directory = BackupTarget.parse(settings.backup_target).directory
    if directory and not _remote() and not Path(directory).is_dir():
        yield (
            f"{PROJECT}:backupTarget is {directory!r}: no directory is there. "
            f"Fix: mount or make it (mkdir -p {directory}), or pulumi config set {PROJECT}:backupTarget volume"
        )


def _engine_socket(settings: Settings) -> Iterator[str]:
    """Monitoring reaches the engine by its socket, which can be looked for only where the engine is on this host."""
    path = settings.engine_socket
    if settings.enable_monitoring and not _remote() and not _is_socket(path):
        yield (
            f"{PROJECT}:engineSocket is {path!r}: no socket is there, and monitoring needs the container engine's. "
            f"Fix: pulumi config set {PROJECT}:engineSocket <path> (docker context inspect names it)"
        )


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def _passphrase(stack: str, settings: Settings) -> Iterator[str]:
    """What is in the repository protects nothing."""
    used = Path(os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE", ""))
    if settings.production and used.name == "Pulumi.dev.passphrase" and not stack.startswith("test"):
        yield (
            f"{PROJECT}:mode is production, but the stack {stack} is encrypted with development's public passphrase. "
            "Fix: use the stack prod (make prod-init), or pulumi stack change-secrets-provider passphrase with one of your own"
        )


def _bindable(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def _remote() -> bool:
    return os.environ.get("DOCKER_HOST", "").startswith(("tcp:", "ssh:", "http"))


def _limits(client: "docker.DockerClient", settings: Settings) -> Iterator[str]:
    """The engine refuses more processors than it has."""
    processors = int(client.info()["NCPU"])
    for field in type(settings).model_fields:
        if field.endswith("_cpus") and getattr(settings, field) > processors:
            yield (
                f"{PROJECT}:{rules.camel(field)} is {getattr(settings, field):g}: the engine has {processors} processors. "
                f"Fix: pulumi config set {PROJECT}:{rules.camel(field)} {processors}"
            )


def _volumes(client: "docker.DockerClient", stack: str, settings: Settings) -> Iterator[str]:
    """An upgrade's own updates come between what was and what will be."""
    if volume_versions.VARIABLE not in os.environ:
        yield from volume_versions.problems(client, stack, settings)


def _images(client: "docker.DockerClient", settings: Settings) -> Iterator[str]:
    """Local images must be there; those of a registry are pulled by the update itself."""
    built = settings.image_source == "build"
    services = [name for name in needed(proxy=settings.proxied) if built or name == "toolbox"]
    present = {tag for image in client.api.images() for tag in image.get("RepoTags") or ()}
    missing = [name for service in services if (name := reference(service, settings.image_source)) not in present]
    if missing:
        yield f"Images are missing on this engine: {', '.join(missing)}. Fix: make images"

"""By which major version of its engine a data volume was written, and whether the server that is declared reads that."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from components import volume_numbers
from components.images import NAMESPACE, UPSTREAM, tagged_version, version
from components.naming import SERVICE_LABEL, STACK_LABEL, Naming
from components.versions import ENGINE_LABEL, SERVERS, UPGRADABLE, is_older, major

if TYPE_CHECKING:
    import docker

    from components.settings import Settings

# Set for the updates of an upgrade itself, to the service.
VARIABLE = "KAREN_UPGRADE"
_ENABLED = {"etcd": "enable_milvus"}


def wanted(service: str, source: str) -> str:
    """Return the major version of the server that is declared; empty for what has no data of an engine."""
    return major(service, version(service, source) if service in SERVERS else "")


def labels(naming: Naming, service: str, source: str) -> dict[str, str]:
    """Return the labels of a new data volume."""
    engine = wanted(service, source)
    return {**naming.labels(service), **({ENGINE_LABEL: engine} if engine else {})}


def found(client: "docker.DockerClient", naming: Naming, service: str, volume: str) -> str:
    """Return the major version that a volume's data are of; empty where there is none, or nothing tells.

    A volume that was made before there were labels has none, and cannot be given one: then the image tells whose container has it.
    """
    from docker.errors import NotFound

    try:
        told = client.api.inspect_volume(volume).get("Labels") or {}
    except NotFound:
        return ""
    if ENGINE_LABEL in told:
        return str(told[ENGINE_LABEL])
    labelled = [f"{STACK_LABEL}={naming.stack}", f"{SERVICE_LABEL}={service}"]
    for one in client.api.containers(all=True, filters={"label": labelled, "volume": volume}):
        return _of_image(client, service, str(one["ImageID"]))
    return ""


def problems(client: "docker.DockerClient", stack: str, settings: "Settings") -> Iterator[str]:
    """Yield a sentence for each engine whose data were written by another major version than the one that is declared, or are elsewhere."""
    naming = Naming(stack=stack)
    numbers = volume_numbers.there(client, naming)
    for service in SERVERS:
        serial = settings.volume_serial(service)
        # A volume is declared whether its engine is on or off.
        misnumbered = volume_numbers.problem(naming, settings, service, numbers.get(service, ()))
        if misnumbered and serial.mark != "+":
            yield misnumbered
            continue
        if not getattr(settings, _ENABLED.get(service, f"enable_{service}"), True):
            continue
        if serial.mark == "+":
            yield (
                f"The upgrade of {service} is not finished. Fix: ./karen upgrade {service}, which finishes it, "
                f"or ./karen upgrade {service} --give-up, after which all is as before"
            )
            continue
        volume = naming.data_volume(service, serial.number)
        here, ours = found(client, naming, service, volume), wanted(service, settings.image_source)
        if here and here != ours:
            yield _sentence(service, volume, here, ours)


def _sentence(service: str, volume: str, here: str, ours: str) -> str:
    told = (
        f"{service}: the data in the volume {volume} are of version {here}, and the server would be of version {ours}"
    )
    if is_older(ours, here):
        return f"{told}, which is an older one and cannot read them. Fix: use the checkout whose {service} is of version {here}"
    if service in UPGRADABLE:
        return f"{told}. Fix: ./karen upgrade {service}"
    return (
        f"{told}, and only copying brings them there: Milvus, etcd and MinIO hold one database together. Fix: with the checkout whose {service} is of "
        f"version {here}, ./karen backup create; then restore the set into a stack that is made with this one"
    )


def _of_image(client: "docker.DockerClient", service: str, image: str) -> str:
    """Return the major version in one of an image's names; empty for one that nobody of us has named."""
    from docker.errors import NotFound

    try:
        names = client.api.inspect_image(image).get("RepoTags") or []  # type: ignore[no-untyped-call]
    except NotFound:
        return ""
    known = (f"{NAMESPACE}/{service}:", f"{UPSTREAM[service].rpartition(':')[0]}:")
    tags = [name.rpartition(":")[2] for name in names if name.startswith(known)]
    return major(service, tagged_version(tags[0])) if tags else ""

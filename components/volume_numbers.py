"""Whether the data volumes on the engine are those that `dataVolumes` counts: a configuration may be of another time, or of another host."""

import re
import shlex
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from components.naming import STACK_LABEL, Naming
from components.serials import Serial, parse, show
from components.versions import UPGRADABLE

if TYPE_CHECKING:
    import docker

    from components.settings import Settings


def there(client: "docker.DockerClient", naming: Naming) -> Mapping[str, list[int]]:
    """Return by engine the numbers of the data volumes that are on the engine of containers, in order."""
    listed = client.api.volumes(filters={"label": f"{STACK_LABEL}={naming.stack}"})["Volumes"] or ()
    names = [str(one["Name"]) for one in listed]
    return {service: sorted(_numbers(names, naming.data_volume(service, 1))) for service in UPGRADABLE}


def problem(naming: Naming, settings: "Settings", service: str, numbers: Collection[int]) -> str:
    """Return a sentence where an update would begin an empty volume beside the one with the data; empty where it would not."""
    number = settings.volume_serial(service).number
    later = max((one for one in numbers if one > number), default=0)
    other = later or (0 if number in numbers else max(numbers, default=0))
    if not other:
        return ""
    ours, kept = naming.data_volume(service, number), naming.data_volume(service, other)
    told = (
        f"{ours} is used, and {kept} is there, which an upgrade has made later"
        if later
        else f"{ours} is used, which is not there, and {kept} is"
    )
    return (
        f"ai-karen-db:dataVolumes is {settings.data_volumes!r}, by which {told}. Nothing was touched. "
        f"Fix: {_configured(settings, service, other, naming.stack)}; or, where nobody needs what is in it, docker volume rm {kept}"
    )


def _numbers(names: list[str], first: str) -> list[int]:
    found = (re.fullmatch(rf"{re.escape(first)}(?:-(\d+))?", name) for name in names)
    return [int(match[1] or 1) for match in found if match]


def _configured(settings: "Settings", service: str, number: int, stack: str) -> str:
    """Return the command that has a service use the volume with a number."""
    text = show({**parse(settings.data_volumes, UPGRADABLE), service: Serial(number)})
    name = "ai-karen-db:dataVolumes"
    told = f"set {name} {shlex.quote(text)}" if text else f"rm {name}"
    return f"pulumi config {told} --stack {stack}"

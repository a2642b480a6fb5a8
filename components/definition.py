"""What a container is made from, as short texts: with another one, it is replaced."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi

from components.context import Context
from init.resources.replacement import Replacement

if TYPE_CHECKING:
    from components.container import ContainerSpec

# What may hold what is known only after other resources are made.
_LATER = ("command", "environment", "mounts", "sockets", "labels", "networks")
# What another resource has, and the serials of passwords, with which only `./karen rotate` replaces, once it has asked.
_NOT_REPLACING = ("service", "image", "processes", "labels", "outside")


def definition(spec: "ContainerSpec", image: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return a hash of everything that a container of this image is made from."""
    plain = {name: repr(value) for name, value in vars(spec).items() if name not in _LATER}
    return pulumi.Output.all(image=image, **_later(spec)).apply(lambda found: _hash({**plain, **found}))


def replacement(
    spec: "ContainerSpec", context: Context, volume: pulumi.Input[str], parent: pulumi.Resource
) -> Replacement:
    """Declare what refuses to have a container made anew where the settings do not allow it; `volume` has its data."""
    return Replacement(
        spec.service,
        stack=context.naming.stack,
        definition=_parts(spec, context.image(spec.image or spec.service), volume),
        allowed=context.settings.may_replace(spec.service),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _parts(spec: "ContainerSpec", image: str, volume: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """Return a hash of each part with which a container is made anew; its image by name, for another's id is not known yet."""
    plain = {name: repr(value) for name, value in vars(spec).items() if name not in _LATER}
    later = {name: pulumi.Output.from_input(value).apply(_hash) for name, value in _later(spec).items()}
    found: dict[str, pulumi.Input[str]] = {**{name: _hash(value) for name, value in plain.items()}, **later}
    return {
        **{name: value for name, value in found.items() if name not in _NOT_REPLACING},
        "image": _hash(image),
        "volume": pulumi.Output.from_input(volume).apply(_hash),
    }


def _later(spec: "ContainerSpec") -> dict[str, Any]:
    return {
        "command": list(spec.command),
        "networks": [one.network for one in spec.networks],
        **{name: dict(getattr(spec, name)) for name in ("environment", "mounts", "sockets", "labels")},
    }


def _hash(document: Mapping[str, Any] | list[Any] | str) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]

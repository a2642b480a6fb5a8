"""What a container is made from, as one short text: with another one, it is replaced."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi

if TYPE_CHECKING:
    from components.container import ContainerSpec

# What may hold what is known only after other resources are made.
_LATER = ("command", "environment", "mounts", "sockets", "labels", "networks")


def definition(spec: "ContainerSpec", image: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return a hash of everything that a container of this image is made from."""
    plain = {name: repr(value) for name, value in vars(spec).items() if name not in _LATER}
    later = {
        "image": image,
        "command": list(spec.command),
        "networks": [one.network for one in spec.networks],
        **{name: dict(getattr(spec, name)) for name in ("environment", "mounts", "sockets", "labels")},
    }
    return pulumi.Output.all(**later).apply(lambda found: _hash({**plain, **found}))


def _hash(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]

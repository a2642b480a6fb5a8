"""The resources of a stack as its program declares them, from a preview's document or from a test's recording."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from components.naming import SERVICE_LABEL

CONTAINER = "docker:index/container:Container"
IMAGE = "docker:index/remoteImage:RemoteImage"
NETWORK = "docker:index/network:Network"
VOLUME = "docker:index/volume:Volume"
PASSWORD = "random:index/randomPassword:RandomPassword"  # noqa: S105 - a type's name
BYTES = "random:index/randomBytes:RandomBytes"
CERTIFICATE = "pulumi-python:dynamic/karen:Certificate"
INITIALIZATION = "pulumi-python:dynamic/karen:Initialization"
PROCESS_LIMIT = "pulumi-python:dynamic/karen:ProcessLimit"
SECRET_FILES = "pulumi-python:dynamic/karen:SecretFiles"  # noqa: S105 - a type's name
# Data, and what opens them: protected together in production, and left by `./karen destroy`. A new kind of key belongs here.
KEPT = (VOLUME, PASSWORD, BYTES)
# What stands in a preview for a value that is known only once the update has run.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
# What stands in a preview for a secret, and how a secret is marked where its value or its cipher text is kept.
MASKED = "[secret]"
_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
_OF_THE_ENGINE = ("__defaults", "__provider")
_MODE = "ai-karen-db:mode"


class NotKnown(Exception):
    """An input is asked for that is known only once the update has run."""


class Inputs(dict[str, Any]):
    """A resource's inputs by name; `get` raises NotKnown for what is not known yet."""

    def get(self, name: str, default: Any = None) -> Any:
        value = super().get(name, default)
        if value == UNKNOWN:
            raise NotKnown(name)
        return value


@dataclass(frozen=True)
class Secret:
    """A value that is marked as secret; `value` is UNKNOWN where it is not told."""

    value: Any = UNKNOWN


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One text, number or flag of a resource's inputs; `path` leads to it, list positions included."""

    path: tuple[str, ...]
    value: Any
    secret: bool

    @property
    def key(self) -> str:
        """Return the innermost name on the way, positions left out."""
        return next((part for part in reversed(self.path) if not part.isdigit()), "")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One declared resource; `declared` are its inputs, in which secrets are `Secret`."""

    type: str
    name: str
    declared: Mapping[str, Any]
    protected: bool = False

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> "Resource":
        """Read what a preview, or Pulumi's state, has of a resource."""
        return cls(
            type=str(state["type"]),
            name=str(state["urn"]).rpartition("::")[2],
            declared=marked(state.get("inputs") or {}),
            protected=bool(state.get("protect")),
        )

    @cached_property
    def inputs(self) -> Inputs:
        """Return the inputs with secrets as plain values, UNKNOWN where they are not told."""
        return Inputs(plain(self.declared))

    @cached_property
    def labels(self) -> dict[str, str]:
        """Return the labels of a container, volume or network; none where they are not known yet."""
        told = plain(self.declared.get("labels"))
        return {str(one["label"]): str(one["value"]) for one in items(told)}

    @property
    def kind(self) -> str:
        """Return the innermost part of the type: `container`, `volume`, `network`."""
        kind = self.type.rpartition(":")[2]
        return kind[:1].lower() + kind[1:]

    @property
    def service(self) -> str:
        """Return the service that the labels name; without labels a container's or image's name tells it, and of others it is empty."""
        suffix = {CONTAINER: "-container", IMAGE: "-image"}.get(self.type)
        unlabelled = self.name.removesuffix(suffix) if suffix else ""
        return self.labels.get(SERVICE_LABEL) or unlabelled

    def leaves(self) -> Iterator[Leaf]:
        """Yield every text, number and flag of the inputs."""
        return leaves(self.declared)


@dataclass(frozen=True, kw_only=True)
class Graph:
    """All resources of a stack that there are after the update; `production` is what its mode says."""

    production: bool
    resources: Sequence[Resource]

    def of(self, *types: str) -> list[Resource]:
        """Return the resources of some types."""
        return [one for one in self.resources if one.type in types]

    @classmethod
    def of_preview(cls, document: Mapping[str, Any]) -> "Graph":
        """Read what `pulumi preview --json --show-sames` printed."""
        states = {one["urn"]: one["newState"] for one in document.get("steps") or () if one.get("newState")}
        mode = (document.get("config") or {}).get(_MODE)
        resources = [Resource.of_state(state) for _, state in sorted(states.items())]
        return cls(production=mode == "production", resources=resources)


def marked(value: Any) -> Any:
    """Return a value with Pulumi's marks of secrets as `Secret`, and without what the engine adds for itself."""
    if value == MASKED:
        return Secret()
    if isinstance(value, list | tuple):
        return [marked(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if value.get(_SIGNATURE) == _SECRET:
        told = json.loads(value["plaintext"]) if "plaintext" in value else value.get("value", UNKNOWN)
        return Secret(plain(marked(told)))
    return {key: marked(item) for key, item in value.items() if key not in _OF_THE_ENGINE}


def plain(value: Any) -> Any:
    """Return a value without the marks of secrets."""
    if isinstance(value, Secret):
        return value.value
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def items(value: Any) -> list[Any]:
    """Return what a list has; nothing where it is missing or not known yet."""
    return list(value) if isinstance(value, list | tuple) else []


def leaves(value: Any) -> Iterator[Leaf]:
    """Yield every text, number and flag of a value in which secrets are marked."""
    return _leaves(value, (), secret=False)


def _leaves(value: Any, path: tuple[str, ...], *, secret: bool) -> Iterator[Leaf]:
    if isinstance(value, Secret):
        yield from _leaves(value.value, path, secret=True)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)), secret=secret)
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _leaves(item, (*path, str(position)), secret=secret)
    else:
        yield Leaf(path=path, value=value, secret=secret)

"""Secrets are generated, marked, and where nobody reads them by the way."""

import re
from collections.abc import Iterator
from typing import Any

from policy.graph import BYTES, CONTAINER, PASSWORD, SECRET_FILES, UNKNOWN, Graph, Leaf, Resource
from policy.rule import rule

# Names of what must be known to nobody; what ends in `_file` is a path.
_SENSITIVE = re.compile(
    r"pass(word|wd|phrase|)$|passwords$|secret(_?(access_?)?key|)$|token$|credentials?$|(private|api|signing)_?key$|webhook$",
    re.IGNORECASE,
)
# What the passwords consist of that products are delivered with, or that manuals and this project's design have as examples.
_WELL_KNOWN = {
    *("admin", "minioadmin", "root", "user", "default", "change", "changeme", "me", "my", "example", "test"),
    *("pass", "password", "secret", "secure", "karen", "kari"),
    *("elastic", "elasticsearch", "etcd", "milvus", "minio", "postgres", "postgresql", "redis"),
}
_LEAST_LENGTH, _LEAST_BYTES = 24, 32
# What `docker inspect` shows to everybody who may ask the engine.
_SHOWN = ("command", "entrypoints", "envs", "healthcheck", "hostname", "labels", "name")


@rule(
    "marked secrets",
    reason="What is not marked is in the state, in previews and in logs in clear.",
    fix="wrap it: `pulumi.Output.secret(…)`.",
)
def secrets_marked(resource: Resource, _: Graph) -> Iterator[str]:
    for leaf in resource.leaves():
        name, value = _assignment(leaf)
        in_files = resource.type == SECRET_FILES and leaf.path[0] == "files"
        if not leaf.secret and _is_told(value) and (in_files or is_sensitive(name)):
            yield f"has {'.'.join(leaf.path)} in clear"


@rule(
    "shown secrets",
    CONTAINER,
    reason="Everybody who may ask the container engine reads a container's environment, arguments and labels.",
    fix="hand it over as a file of `EngineSecrets`.",
)
def no_secret_in_definition(container: Resource, _: Graph) -> Iterator[str]:
    found = set()
    for leaf in container.leaves():
        name, value = _assignment(leaf)
        exposed = leaf.secret or (leaf.path[0] == "envs" and is_sensitive(name) and _is_told(value))
        if exposed and leaf.path[0] in _SHOWN:
            found.add(leaf.path[0])
    for name in sorted(found):
        yield f"has a secret in its {name}"


@rule(
    "default passwords",
    reason="What a product is delivered with is tried first.",
    fix="generate it: `credential(context, …)`.",
)
def no_default_password(resource: Resource, _: Graph) -> Iterator[str]:
    for leaf in resource.leaves():
        name, value = _assignment(leaf)
        if is_sensitive(name) and _is_told(value) and _is_well_known(value):
            yield f"has a well-known password as {'.'.join(leaf.path)}"


@rule(
    "generated passwords",
    PASSWORD,
    BYTES,
    reason="A short password is guessed, and one without a serial cannot be changed.",
    fix=f"generate at least {_LEAST_LENGTH} characters, or {_LEAST_BYTES} bytes, with a serial among the `keepers`.",
)
def generated_password(resource: Resource, _: Graph) -> Iterator[str]:
    least, unit = (_LEAST_LENGTH, "characters") if resource.type == PASSWORD else (_LEAST_BYTES, "bytes")
    length = resource.inputs.get("length")
    if (length or 0) < least:
        yield f"has {length or 0:g} {unit}"
    if not (resource.inputs.get("keepers") or {}).get("serial"):
        yield "has no serial"


def is_sensitive(name: str) -> bool:
    """Whether a name is one of what must be known to nobody."""
    return _SENSITIVE.search(name) is not None


def _assignment(leaf: Leaf) -> tuple[str, Any]:
    """Return name and value of a leaf; an environment is a list of assignments."""
    if leaf.path[0] == "envs" and isinstance(leaf.value, str):
        name, _, value = leaf.value.partition("=")
        return name, value
    return leaf.key, leaf.value


def _is_well_known(value: str) -> bool:
    return set(re.findall("[a-z]+", value.lower())) <= _WELL_KNOWN


def _is_told(value: Any) -> bool:
    return isinstance(value, str) and value not in ("", UNKNOWN)


RULES = (secrets_marked, no_secret_in_definition, no_default_password, generated_password)

"""Pins: the version at which an engine's migrations stop, in the stack's configuration. Empty is the latest."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from bootstrap import places
from init.migrations import Migration
from ops.cli.errors import NotAsked
from ops.pulumi import PulumiError, run

LATEST = "latest"
NOTHING = "000"
_PREFIX = f"{places.PROJECT}:"
_VERSION = re.compile(r"\d{1,3}")


def configuration(stack: str) -> Mapping[str, Any]:
    """Return the stack's own settings by their keys, as they are written; NotAsked if the file cannot be read."""
    path = places.CHECKOUT / f"Pulumi.{stack}.yaml"
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
    except OSError as error:
        raise NotAsked(f"{path.name} cannot be read: {error.strerror}. Fix: sudo chown $USER {path}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        told = " ".join(str(error).split())
        raise NotAsked(f"{path.name} cannot be read: {told}. Fix: correct it, or git restore {path.name}") from None
    document = {} if document is None else document
    found = (document.get("config") or {}) if isinstance(document, dict) else document
    if not isinstance(found, dict):
        what = f"{path.name} holds no settings: `config:` with a line for each is wanted"
        raise NotAsked(f"{what}. Fix: correct it, or git restore {path.name}")
    return {str(key).removeprefix(_PREFIX): value for key, value in found.items()}


def is_encrypted(value: Any) -> bool:
    """Whether a setting was stored with `--secret`: only Pulumi can read it."""
    return isinstance(value, Mapping) and "secure" in value


def readable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without those that only Pulumi can read where Pulumi's program wants a value: their defaults stand in."""
    from components.rules import camel
    from components.settings import SECRET

    secret = {camel(field) for field in SECRET}
    return {name: value for name, value in settings.items() if name in secret or not is_encrypted(value)}


def key(engine: str) -> str:
    """Return the setting's key."""
    return f"{engine}SchemaVersion"


def pin(settings: Mapping[str, Any], engine: str) -> str:
    """Return an engine's pin; NotAsked for one that only Pulumi can read."""
    value = settings.get(key(engine)) or LATEST
    if is_encrypted(value):
        name = f"{_PREFIX}{key(engine)}"
        raise NotAsked(f"{name} is stored as a secret. Fix: pulumi config set {name} <version> --plaintext")
    return "" if value == LATEST else str(value)


def shown(pin: str) -> str:
    """Return a pin as one writes it in the configuration."""
    return pin or LATEST


def version(text: str) -> str:
    """Return a version that was given as `2`, `002` or `latest`: three digits, or empty; NotAsked for anything else."""
    if text == LATEST:
        return ""
    if _VERSION.fullmatch(text) is None:
        raise NotAsked(f"--to is {text!r}; allowed: a number such as 2 or 002, or latest")
    return f"{int(text):03}"


def wanted(engine: str, to: str, files: Sequence[Migration]) -> str:
    """Return the pin that makes `to` an engine's version: none for its newest file. NotAsked if there is no such version."""
    known = [NOTHING, *(file.version for file in files)]
    if to and to not in known:
        raise NotAsked(f"{engine} has no version {to}; allowed: {', '.join(known)}, latest")
    return "" if to == known[-1] else to


def write(stack: str, engine: str, pin: str) -> None:
    """Set or remove an engine's pin, as `pulumi config` does."""
    name = f"{_PREFIX}{key(engine)}"
    try:
        if pin:
            run(stack, "config", "set", name, pin)
        elif key(engine) in configuration(stack):
            run(stack, "config", "rm", name)
    except PulumiError as error:
        raise NotAsked(f"{name} could not be written: {error}") from None

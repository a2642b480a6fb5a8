"""A migration file of Elasticsearch: indices to make, indices to put in place of others, indices to remove. No connection."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from init.engines.base import failed, unsupported
from init.migrations import Script
from init.protocol import Failure

SERVICE = "elasticsearch"
_KEYS = ("indices", "remove", "timeout")
_REQUIRED: Mapping[str, type] = {"index": str, "alias": str, "settings": dict, "mappings": dict}
_OPTIONAL: Mapping[str, type] = {"replaces": str, "script": str}
_KINDS: Mapping[type, str] = {str: "a text", dict: "an object"}
# Neither a pattern nor a list: what is removed is named one by one. A dot would part an index from its fields.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Definition:
    """An index behind an alias. It may take the place of another, whose documents are copied through a painless script."""

    index: str
    alias: str
    settings: Mapping[str, Any]
    mappings: Mapping[str, Any]
    replaces: str = ""
    script: str = ""


@dataclass(frozen=True)
class Document:
    """A file as it is meant: what is new, what replaces something, and what goes."""

    new: tuple[Definition, ...]
    replacing: tuple[Definition, ...]
    remove: tuple[str, ...]

    @property
    def names(self) -> set[str]:
        """Return every index and alias that the file is about."""
        defined = [name for one in (*self.new, *self.replacing) for name in (one.index, one.alias, one.replaces)]
        return {name for name in (*defined, *self.remove) if name}


def migration_of(script: Script) -> str:
    """Return the name of the migration that a script belongs to, whichever way it goes."""
    return script.file.removesuffix(f".{script.suffix}").removesuffix(".down")


def is_way_back(script: Script) -> bool:
    """Whether a script is a migration's way back."""
    return script.file.endswith(f".down.{script.suffix}")


def parse(script: Script) -> Document:
    """Return what a file says; MigrationFailed names the key that is wrong and what is allowed."""
    if script.suffix != "json":
        raise unsupported(SERVICE, script, "json")
    try:
        content = json.loads(script.body)
        _check_keys("the file", content, _KEYS)
        definitions = [_definition(number, one) for number, one in enumerate(_list(content, "indices"), 1)]
        remove = [_name("remove", one) for one in _list(content, "remove")]
        _check_whole(definitions, remove)
    except ValueError as error:
        raise _bad(script, str(error)) from None
    return Document(
        new=tuple(one for one in definitions if not one.replaces),
        replacing=tuple(one for one in definitions if one.replaces),
        remove=tuple(remove),
    )


def _definition(number: int, content: object) -> Definition:
    where = f"indices, number {number}"
    found = _check_keys(where, content, (*_REQUIRED, *_OPTIONAL))
    for key, kind in {**_REQUIRED, **_OPTIONAL}.items():
        if key not in found and key in _OPTIONAL:
            continue
        if not isinstance(found.get(key), kind) or found[key] == "":
            shown = repr(found[key]) if key in found else "missing"
            raise ValueError(f"{where}: {key} is {shown}; allowed: {_KINDS[kind]}")
    for key in ("index", "alias", "replaces"):
        if key in found:
            _name(f"{where}: {key}", found[key])
    if "script" in found and "replaces" not in found:
        raise ValueError(f"{where}: script without replaces; allowed: a script for the documents that are copied")
    if "_meta" in found["mappings"]:
        raise ValueError(f"{where}: mappings hold _meta; allowed: anything else, for _meta says who made the index")
    return Definition(**found)


def _check_keys(where: str, content: object, allowed: Sequence[str]) -> Mapping[str, Any]:
    """Return the content if it is an object with known keys only."""
    if not isinstance(content, dict):
        raise ValueError(f"{where} is {content!r}; allowed: an object with {', '.join(allowed)}")
    for key in content:
        if key not in allowed:
            raise ValueError(f"{where}: {key} is not known; allowed: {', '.join(allowed)}")
    return content


def _list(content: Mapping[str, Any], key: str) -> list[Any]:
    found = content.get(key, [])
    if not isinstance(found, list):
        raise ValueError(f"{key} is {found!r}; allowed: a list")
    return found


def _name(where: str, value: object) -> str:
    if not isinstance(value, str) or _NAME.fullmatch(value) is None:
        raise ValueError(f"{where} is {value!r}; allowed: one name of lower-case letters, digits, _ and -")
    return value


def _check_whole(definitions: Sequence[Definition], remove: Sequence[str]) -> None:
    """Refuse a file without anything to do, and one that names an index or an alias for two purposes."""
    if not definitions and not remove:
        raise ValueError("nothing to do; allowed: indices, remove, or both, each with one entry or more")
    named = [name for one in definitions for name in (one.index, one.alias, one.replaces) if name]
    twice = [name for name, count in Counter([*named, *remove]).items() if count > 1]
    if twice:
        raise ValueError(f"{twice[0]} is named twice; allowed: each index and each alias once")


def _bad(script: Script, reason: str) -> Failure:
    return failed(SERVICE, script, reason)

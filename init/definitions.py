"""Collections as migration files define them: Python literals that are read and never executed.

A file assigns a dictionary to COLLECTION (one to make, or one to put in the place of another), or a list to REMOVE.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_KEYS = ("about", "alias", "fields", "indexes", "name")
_OPTIONAL = ("replaces",)
_FIELD_KEYS = ("name", "type", "description", "is_primary", "auto_id", "max_length", "dim", "default")
_INDEX_KEYS = ("field_name", "index_type", "metric_type", "params")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_PRIMARY = ("INT64", "VARCHAR")
_VECTOR = "FLOAT_VECTOR"
# What a default for rows that lack the field may be, by type.
_PYTHON: Mapping[str, tuple[type, ...]] = {
    "BOOL": (bool,),
    "INT8": (int,),
    "INT16": (int,),
    "INT32": (int,),
    "INT64": (int,),
    "FLOAT": (float, int),
    "DOUBLE": (float, int),
    "VARCHAR": (str,),
    "JSON": (dict, list, str, int, float, bool),
    _VECTOR: (list,),
}


@dataclass(frozen=True)
class Collection:
    """A collection to make. With `replaces`, it gets that one's rows, and then its alias."""

    name: str
    alias: str
    about: str
    fields: tuple[Mapping[str, Any], ...]
    indexes: tuple[Mapping[str, Any], ...]
    replaces: str = ""


@dataclass(frozen=True)
class Removal:
    """Collections to remove, with their aliases."""

    names: tuple[str, ...]


def parse(body: str) -> Collection | Removal:
    """Return what a file asks for; ValueError names what is wrong with it and what is allowed."""
    found = _assignments(body)
    if set(found) == {"REMOVE"}:
        return Removal(_names(found["REMOVE"]))
    if set(found) == {"COLLECTION"}:
        literal = _checked(found["COLLECTION"])
        return Collection(**{**literal, "fields": tuple(literal["fields"]), "indexes": tuple(literal["indexes"])})
    if found:
        raise ValueError("COLLECTION and REMOVE in one file; allowed: one of them")
    raise ValueError("no assignment to COLLECTION or REMOVE; allowed: one of them")


def collection(body: str) -> dict[str, Any]:
    """Return the literal assigned to COLLECTION; ValueError if there is none, or if it is not as it must be."""
    found = _assignments(body)
    if "COLLECTION" not in found:
        raise ValueError("no assignment to COLLECTION")
    return _checked(found["COLLECTION"])


def _assignments(body: str) -> dict[str, Any]:
    """Return the two names' literals; ValueError if one of them holds more than literals."""
    try:
        statements = ast.parse(body).body
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.msg}") from None
    assigned = {
        target.id: statement.value
        for statement in statements
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    try:
        return {name: ast.literal_eval(value) for name, value in assigned.items() if name in ("COLLECTION", "REMOVE")}
    except TypeError as error:
        raise ValueError(f"malformed: {error}") from None


def _names(value: object) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(one, str) and _NAME.fullmatch(one) for one in value)
    ):
        raise ValueError(f"REMOVE is {value!r}; allowed: a list of collections' names")
    return tuple(value)


def _checked(literal: object) -> dict[str, Any]:
    if not isinstance(literal, dict) or not set(_KEYS) <= set(literal) <= {*_KEYS, *_OPTIONAL}:
        keys = set(literal) if isinstance(literal, dict) else set()
        wrong = [f"{key!r} is missing" for key in sorted(set(_KEYS) - keys)]
        wrong += [f"{key!r} is not known" for key in sorted(keys - {*_KEYS, *_OPTIONAL}, key=str)]
        allowed = f"a dictionary with exactly the keys {', '.join(_KEYS)}, and optionally {', '.join(_OPTIONAL)}"
        raise ValueError(f"COLLECTION: {', '.join(wrong)}; allowed: {allowed}")
    for key in ("name", "alias", *(key for key in _OPTIONAL if key in literal)):
        if not isinstance(literal[key], str) or not _NAME.fullmatch(literal[key]):
            raise ValueError(f"{key} is {literal[key]!r}; allowed: letters, digits and underscores")
    if len({literal[key] for key in ("name", "alias", *_OPTIONAL) if key in literal}) < 2 + ("replaces" in literal):
        raise ValueError("name, alias and replaces are not all different; allowed: three names")
    if not isinstance(literal["about"], str):
        raise ValueError(f"about is {literal['about']!r}; allowed: a sentence")
    fields = {_field(one)["name"]: one for one in _dictionaries(literal, "fields")}
    if len(fields) != len(literal["fields"]):
        raise ValueError("fields: two of one name; allowed: each name once")
    primary = [one for one in fields.values() if one.get("is_primary")]
    if len(primary) != 1 or primary[0]["type"] not in _PRIMARY:
        raise ValueError(f"fields: {len(primary)} with is_primary; allowed: one, of type {' or '.join(_PRIMARY)}")
    indexed = {_index(one, fields)["field_name"] for one in _dictionaries(literal, "indexes")}
    bare = [name for name, one in fields.items() if one["type"] == _VECTOR and name not in indexed]
    if bare or not any(one["type"] == _VECTOR for one in fields.values()):
        raise ValueError(
            f"{bare[0] if bare else 'fields'}: no vector index; allowed: one for every vector, and a vector"
        )
    return literal


def _dictionaries(literal: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = literal[key]
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        raise ValueError(f"{key} is {value!r}; allowed: a list of dictionaries")
    return value


def _field(one: dict[str, Any]) -> dict[str, Any]:
    shown = f"field {one.get('name')!r}"
    _known(shown, one, _FIELD_KEYS, required=("name", "type"))
    if not isinstance(one["name"], str) or not _NAME.fullmatch(one["name"]):
        raise ValueError(f"{shown}: allowed: letters, digits and underscores")
    if one["type"] not in _PYTHON:
        raise ValueError(f"{shown}: type is {one['type']!r}; allowed: {', '.join(_PYTHON)}")
    for key, kind, most in (("max_length", "VARCHAR", 65_535), ("dim", _VECTOR, 32_768)):
        value = one.get(key)
        if (one["type"] == kind) != (key in one) or (key in one and not _within(value, most)):
            raise ValueError(f"{shown}: {key} is {value!r}; allowed: 1 to {most}, for {kind} only")
    if "default" in one and not _fits(one):
        kinds = " or ".join(kind.__name__ for kind in _PYTHON[one["type"]])
        raise ValueError(f"{shown}: default is {one['default']!r}; allowed: {kinds}, as long as the field takes")
    return one


def _index(one: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    shown = f"index of {one.get('field_name')!r}"
    _known(shown, one, _INDEX_KEYS, required=("field_name", "index_type"))
    if one["field_name"] not in fields:
        raise ValueError(f"{shown}: no such field; allowed: {', '.join(fields)}")
    return one


def _known(shown: str, one: Mapping[str, Any], allowed: tuple[str, ...], *, required: tuple[str, ...]) -> None:
    wrong = [f"{key!r} is missing" for key in required if key not in one]
    wrong += [f"{key!r} is not known" for key in one if key not in allowed]
    if wrong:
        raise ValueError(f"{shown}: {', '.join(wrong)}; allowed: {', '.join(allowed)}")


def _within(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _fits(one: Mapping[str, Any]) -> bool:
    value, kind = one["default"], str(one["type"])
    if not _is_of(value, kind):
        return False
    if kind == "VARCHAR":
        return len(value.encode()) <= int(one["max_length"])
    if kind == _VECTOR:
        return len(value) == one["dim"] and all(_is_of(part, "FLOAT") for part in value)
    if kind.startswith("INT"):
        half = 1 << int(kind[3:]) - 1
        return -half <= int(value) < half
    return True


def _is_of(value: object, kind: str) -> bool:
    """Whether a literal is of a field's type; to Python, a bool is an int as well."""
    return isinstance(value, _PYTHON[kind]) and (bool in _PYTHON[kind] or not isinstance(value, bool))

"""Why a migration cannot be executed as things are: what is there is compared with what it is about. Nothing is changed."""

from collections.abc import Mapping
from typing import Any

from pymilvus import DataType

from init.definitions import Collection, Removal, parse
from init.engines.base import failed, first_line, unsupported
from init.engines.milvus_collections import SERVICE, Facts, holder, kept
from init.migrations import Script
from init.protocol import Failure

_DOWN = ".down.py"
_CONFIRM = f"./karen migrate confirm {SERVICE}, which removes it for good"


def read(script: Script) -> Collection | Removal:
    """Return what a file asks for; MigrationFailed names what is wrong with it."""
    if script.suffix != "py":
        raise unsupported(SERVICE, script, "py")
    try:
        return parse(script.body)
    except ValueError as error:
        raise failed(SERVICE, script, first_line(error)) from None


def refuse(script: Script, definition: Collection | Removal, found: Mapping[str, Facts]) -> None:
    """Raise MigrationFailed if the script does not fit what is there."""
    migration, way_back = script.file.removesuffix(".py").removesuffix(".down"), script.file.endswith(_DOWN)
    if isinstance(definition, Removal):
        foreign = [name for name in definition.names if name in found and not found[name].migration]
        reason = f"REMOVE names {foreign[0]}, which no migration has made" if foreign else None
    elif definition.replaces:
        _refuse_kept(script, definition, found, way_back=way_back)
        reason = _change(definition, found, migration, way_back=way_back)
    else:
        _refuse_kept(script, definition, found, way_back=False)
        reason = _new(definition, found, migration)
    if reason:
        raise failed(SERVICE, script, reason)


def is_switched(definition: Collection, found: Mapping[str, Facts], migration: str, *, way_back: bool) -> bool:
    """Whether the alias points to the new collection already: the run before was cut off after that.

    On the way back it also does when the way there did not come as far as its switch.
    """
    new = found.get(definition.name)
    return new is not None and definition.alias in new.aliases and (way_back or new.migration == migration)


def _refuse_kept(script: Script, definition: Collection, found: Mapping[str, Facts], *, way_back: bool) -> None:
    """Refuse a name that an old version has; on the way back, that version gives way to the one made of the newer."""
    name, old = definition.name, found.get(definition.replaces)
    if name in kept(found) and not (way_back and old and name in old.replaces):
        message = f"{SERVICE}/{script.file}: collection {name} is kept as an old version"
        raise Failure("MigrationFailed", message, _CONFIRM)


def _new(definition: Collection, found: Mapping[str, Facts], migration: str) -> str | None:
    there, serving = found.get(definition.name), holder(found, definition.alias)
    if definition.alias in found:
        return f"alias {definition.alias} is the name of a collection; allowed: another name"
    if there and there.migration != migration:
        return f"collection {definition.name} exists and was not made by this migration"
    if serving and serving.name != definition.name:
        return f"alias {definition.alias} points to {serving.name} already; to change that one, say replaces"
    return None


def _change(definition: Collection, found: Mapping[str, Facts], migration: str, *, way_back: bool) -> str | None:
    if is_switched(definition, found, migration, way_back=way_back):
        return None
    old, new = found.get(definition.replaces), found.get(definition.name)
    if old is None:
        return f"there is no collection {definition.replaces} to replace"
    if definition.alias not in old.aliases:
        serving = holder(found, definition.alias)
        return f"alias {definition.alias} points to {serving.name if serving else 'nothing'}, not to {old.name}"
    if not old.migration:
        return f"collection {old.name} was not made by a migration"
    if new and not (new.name in old.replaces and way_back) and (new.aliases or new.migration != migration):
        return f"collection {new.name} exists and is no half-made copy of this migration"
    return _fields(definition, old, way_back=way_back)


def _fields(definition: Collection, old: Facts, *, way_back: bool) -> str | None:
    """Return why the rows of the old collection do not fit the new one."""
    before = {field["name"]: field for field in old.fields}
    for field in definition.fields:
        name, there = field["name"], before.get(field["name"])
        if field.get("auto_id") or (there and there.get("auto_id")):
            return f"field {name} is generated (auto_id), a copy would have other keys"
        if there is None and "default" not in field:
            return f"field {name} is not in {old.name}; allowed: with a default"
        if bool(field.get("is_primary")) != bool(there and there.get("is_primary")):
            return f"field {name}: the primary key of {old.name} is {old.primary['name']}; allowed: the same"
        reason = _type(field, there, way_back=way_back) if there else None
        if reason:
            return f"field {name} of {old.name} {reason}"
    return None


def _type(field: Mapping[str, Any], there: Mapping[str, Any], *, way_back: bool) -> str | None:
    kind, params = DataType(there["type"]).name, there.get("params", {})
    if kind != field["type"]:
        return f"is {kind}, not {field['type']}; allowed: the same type"
    if kind == "FLOAT_VECTOR" and int(params["dim"]) != field["dim"]:
        return (
            f"has {params['dim']} dimensions, not {field['dim']}, and a vector cannot be converted;"
            " allowed: a new collection, which the application fills"
        )
    # What grew on the way there shrinks on the way back; a value that is too long then is refused as it is copied.
    if kind == "VARCHAR" and int(params["max_length"]) > field["max_length"] and not way_back:
        return f"takes {params['max_length']} bytes, not {field['max_length']}; allowed: the same or more"
    return None

"""Why a migration cannot be executed as things are: what is there is compared with what it is about. Nothing is changed."""

from collections.abc import Mapping

from init.engines.base import failed
from init.engines.elasticsearch_indices import Index
from init.engines.elasticsearch_script import SERVICE, Definition, Document
from init.migrations import Script
from init.protocol import Failure

Indices = Mapping[str, Index]


def refuse(script: Script, document: Document, found: Indices, migration: str, *, way_back: bool) -> None:
    """Raise MigrationFailed if the script does not fit what is there."""
    for definition in (*document.new, *document.replacing):
        index = found.get(definition.index)
        # The version that a change has kept gives way to the one that its way back makes of the newer.
        gives_way = way_back and bool(definition.replaces)
        if index and index.kept_by and not (gives_way and index.kept_by == migration):
            raise _kept(script, index)
        reason = (_replacing if definition.replaces else _new)(definition, found, migration)
        if reason:
            raise failed(SERVICE, script, reason)
    for name in document.remove:
        index = found.get(name)
        if index and index.kept_by:
            raise _kept(script, index)
        if index and not index.made_by:
            raise failed(SERVICE, script, f"remove names {name}, which no migration has made")


def is_switched(definition: Definition, found: Indices, migration: str) -> bool:
    """Whether the alias points to the new index already: the run before was cut off after that."""
    new = found.get(definition.index)
    return bool(new and new.made_by == migration and not new.kept_by and definition.alias in new.aliases)


def _new(definition: Definition, found: Indices, migration: str) -> str | None:
    index = found.get(definition.index)
    if index and index.made_by != migration:
        return f"index {definition.index} exists and was not made by this migration"
    others = [name for name in _holders(definition.alias, found) if name != definition.index]
    if others:
        return f"alias {definition.alias} points to {', '.join(others)} already; to change that one, say replaces"
    return None


def _replacing(definition: Definition, found: Indices, migration: str) -> str | None:
    if is_switched(definition, found, migration):
        return None
    old, new = found.get(definition.replaces), found.get(definition.index)
    if old is None:
        return f"there is no index {definition.replaces} to replace"
    holders = _holders(definition.alias, found)
    if holders != [old.name]:
        return f"alias {definition.alias} points to {', '.join(holders) or 'nothing'}, not to {old.name} alone"
    if old.kept_by:
        return f"alias {definition.alias} was moved back to {old.name}, which {old.kept_by} has replaced and kept"
    if new and (new.aliases or (new.made_by != migration and not new.kept_by)):
        return f"index {new.name} exists and is no half-made copy of this migration"
    return None


def _holders(alias: str, found: Indices) -> list[str]:
    return sorted(index.name for index in found.values() if alias in index.aliases)


def _kept(script: Script, index: Index) -> Failure:
    message = f"{SERVICE}/{script.file}: index {index.name} is kept as an old version since {index.kept_by}"
    return Failure("MigrationFailed", message, f"./karen migrate confirm {SERVICE}, which removes it for good")

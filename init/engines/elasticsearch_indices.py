"""What a server holds: indices with the marks of the migrations that made them, their schema, and kept old versions."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from elastic_transport import ApiError, TransportError
from elasticsearch import Elasticsearch

from init.engines.base import first_line
from init.engines.elasticsearch_script import SERVICE
from init.protocol import Failure

LEDGER = "ai_karen_migrations"
PUBLIC = "ai_karen_"
_DECLARED_SETTINGS = ("number_of_shards", "number_of_replicas", "analysis")
_OWN_ALIAS = {"is_write_index": True}


@dataclass(frozen=True)
class Index:
    """One index as the server describes it."""

    name: str
    aliases: Mapping[str, Mapping[str, Any]]
    mappings: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def meta(self) -> Mapping[str, Any]:
        """Return the mark in the mapping: who made the index, and which change keeps it as an old version."""
        found = self.mappings.get("_meta")
        return found if isinstance(found, Mapping) else {}

    @property
    def made_by(self) -> str:
        """Return the migration that made the index, empty for anything else."""
        return str(self.meta.get("migration", ""))

    @property
    def kept_by(self) -> str:
        """Return the migration whose change replaced the index and kept it, empty for one in use."""
        return str(self.meta.get("kept_by", ""))


def read(client: Elasticsearch, names: Iterable[str]) -> dict[str, Index]:
    """Return those of the indices that exist; the name of an alias stands for all that it points to."""
    answer = client.indices.get(index=",".join(sorted(names)), ignore_unavailable=True)
    return {
        name: Index(name, facts["aliases"], facts["mappings"], facts["settings"].get("index", {}))
        for name, facts in answer.items()
    }


def objects(indices: Iterable[Index]) -> dict[str, str]:
    """Return the schema of our indices; kept old versions are left out, but not the aliases that point to one."""
    found: dict[str, str] = {}
    targets: dict[str, list[str]] = {}
    for index in sorted(indices, key=lambda index: index.name):
        # An index whose mark was lost is one of ours by its name.
        if index.name == LEDGER or not (index.made_by or index.name.startswith(PUBLIC)):
            continue
        for alias, facts in index.aliases.items():
            shown = index.name if facts == _OWN_ALIAS else f"{index.name} {_compact(facts)}"
            targets.setdefault(alias, []).append(shown)
        if not index.kept_by:
            found |= _schema(index)
    return {**found, **{f"alias {alias}": ", ".join(names) for alias, names in sorted(targets.items())}}


def fields(properties: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every field by its path: an object's fields and a field's other readings are entries of their own."""
    for name, definition in sorted(properties.items()):
        yield f"{prefix}{name}", {key: one for key, one in definition.items() if key not in ("properties", "fields")}
        for below in ("properties", "fields"):
            yield from fields(definition.get(below, {}), f"{prefix}{name}.")


def drop_kept(client: Elasticsearch, names: Sequence[str]) -> None:
    """Delete kept old versions, all or none; Failure for an index that is not kept, or that is in use all the same."""
    found = read(client, names) if names else {}
    for name in names:
        index = found.get(name)
        if index is None or not index.kept_by or index.aliases:
            aliases = ", ".join(index.aliases) if index else ""
            used = f"is in use: {aliases} points to it" if aliases else "is no old version that a change has kept"
            raise Failure("NotKept", f"{SERVICE}: {name} {used}", "see ./karen migrate status for what is kept")
    for name in names:
        client.indices.delete(index=name)


@contextmanager
def explained() -> Iterator[None]:
    """Turn what the client raises into a Failure; what was under way is finished by the next run."""
    try:
        yield
    except (ApiError, TransportError) as error:
        raise Failure("ConnectionFailed", f"{SERVICE}: {describe(error)}", "run the same command again") from None


def describe(error: ApiError | TransportError) -> str:
    """Return the reason that the server gives, or the transport's."""
    if not isinstance(error, ApiError):
        return first_line(error)
    body = error.body
    reason = body.get("error") if isinstance(body, Mapping) else body
    causes = reason.get("root_cause") if isinstance(reason, Mapping) else None
    first = (causes or [reason])[0]
    return reason_of(first) if isinstance(first, Mapping) else str(reason)


def reason_of(cause: Mapping[str, Any]) -> str:
    """Return the reason of an error object, with the reason below it, which is often the one that helps."""
    below = cause.get("caused_by")
    reason = str(cause.get("reason") or cause.get("type"))
    return f"{reason}: {reason_of(below)}" if isinstance(below, Mapping) else reason


def _schema(index: Index) -> dict[str, str]:
    declared = {key: index.settings[key] for key in _DECLARED_SETTINGS if key in index.settings}
    # Beside fields a mapping has rules of its own, such as `dynamic`.
    rules = {key: value for key, value in index.mappings.items() if key not in ("properties", "_meta")}
    whole = {**declared, "mapping": rules} if rules else declared
    found = {f"field {index.name}.{path}": _compact(one) for path, one in fields(index.mappings.get("properties", {}))}
    return {f"index {index.name}": _compact(whole), **found}


def _compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

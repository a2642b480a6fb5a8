"""Migrations on their way from the host, which has the files, to the job that applies them."""

from collections.abc import Mapping
from typing import Any

from init.migrations.files import checksum
from init.migrations.model import Migration, Options, Script


def to_document(migration: Migration) -> dict[str, Any]:
    """Return a migration as JSON."""
    return {
        "name": migration.name,
        "checksum": migration.checksum,
        "up": _script_document(migration.up),
        "down": _script_document(migration.down) if migration.down else None,
    }


def from_document(document: Mapping[str, Any]) -> Migration:
    """Return the migration of a document; ValueError if it is none, or if its text is not what its checksum says."""
    try:
        up, down = _script(document["up"]), document.get("down")
        migration = Migration(document["name"], document["checksum"], up, _script(down) if down else None)
    except (KeyError, TypeError) as error:
        raise ValueError(f"a migration without {error}") from None
    found = checksum(up.body)
    if found != migration.checksum:
        raise ValueError(f"{migration.name}: the checksum sent is {migration.checksum}, the text's is {found}")
    return migration


def _script_document(script: Script) -> dict[str, Any]:
    return {
        "file": script.file,
        "body": script.body,
        "transactional": script.options.transactional,
        "timeout": script.options.timeout,
    }


def _script(document: Mapping[str, Any]) -> Script:
    options = Options(transactional=document["transactional"], timeout=document["timeout"])
    return Script(document["file"], document["body"], options)

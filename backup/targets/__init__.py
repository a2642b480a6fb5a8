"""Where sets lie, by their description: a directory or a bucket."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backup.targets.locks import Lockable

_DIRECTORY = {"kind", "path"}
_BUCKET = {"kind", "endpoint", "bucket", "prefix", "access_key", "secret_key", "region"}
_OPTIONAL = {"prefix", "region"}


def open_target(document: Mapping[str, Any]) -> Lockable:
    """Return the target of `{"kind": "directory", "path"}` or `{"kind": "bucket", "endpoint", "bucket", "access_key", "secret_key"}`.

    A bucket may also have `prefix` (default: none) and `region` (default: us-east-1). ValueError names the key that is wrong.
    """
    kind = document.get("kind")
    if kind == "directory":
        from backup.targets.directory import Directory

        return Directory(Path(_texts(document, _DIRECTORY)["path"]))
    if kind == "bucket":
        from backup.targets.bucket import Bucket, Place

        values = _texts(document, _BUCKET)
        del values["kind"]
        return Bucket(Place(**values))
    raise ValueError(f"target: kind is {kind!r}; allowed: directory, bucket")


def _texts(document: Mapping[str, Any], keys: set[str]) -> dict[str, str]:
    """Return the document's values, all of them text; no message shows one, for some are secret."""
    if unknown := sorted(set(document) - keys):
        raise ValueError(
            f"target: {', '.join(unknown)} is no key of a {document['kind']}; allowed: {', '.join(sorted(keys))}"
        )
    for key in sorted(keys):
        value = document.get(key)
        if key in _OPTIONAL and key not in document:
            continue
        if not isinstance(value, str) or not (value or key in _OPTIONAL):
            raise ValueError(f"target: {key} of the {document['kind']} is missing, empty or no text")
    return {key: str(value) for key, value in document.items()}

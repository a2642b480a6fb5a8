"""A memory's row as Elasticsearch's document and as Milvus' row: the same that `./karen reconcile` makes of it."""

import json
from typing import Any

from database.model.memory import DIMENSIONS
from database.outbox.model import Row

# What the other engines repeat of a row.
REPEATED = ("tenant_id", "user_id", "session_id", "query", "result", "timestamp")
_NAMES = ("tenant_id", "user_id", "session_id")
# The collection's max_length.
_NAME_BYTES = 64


def document(row: Row) -> dict[str, Any]:
    """Return the document: what is NULL is left out."""
    values = {name: getattr(row, name) for name in REPEATED} | {"result": plain(row.result)}
    return {name: value for name, value in values.items() if value is not None} | {"vector_id": row.vector_id}


def scalars(row: Row) -> dict[str, Any]:
    """Return what Milvus has beside the vector; it knows no NULL, and an empty text and 0 stand for it."""
    return {**{name: getattr(row, name) or "" for name in _NAMES}, "timestamp": row.timestamp or 0}


def vector(row: Row) -> dict[str, Any]:
    """Return the whole row of a memory that holds its embedding."""
    return {"vector_id": row.vector_id, "embedding": list(row.embedding or ()), "metadata": {}, **scalars(row)}


def unfit(row: Row) -> str:
    """Return why Milvus cannot keep a row, "" if it can; rows that others wrote were not checked."""
    for name in _NAMES:
        if len((getattr(row, name) or "").encode()) > _NAME_BYTES:
            return f"{name} is longer than the {_NAME_BYTES} bytes that Milvus keeps of it"
    if row.embedding is not None and len(row.embedding) != DIMENSIONS:
        return f"the embedding has {len(row.embedding)} dimensions; the collection has {DIMENSIONS}"
    return ""


def plain(result: str | None) -> str | None:
    """Return a result as a document has it: what a JSON text says, other JSON as it is written."""
    if result is None:
        return None
    try:
        said = json.loads(result)
    except (ValueError, RecursionError):
        return result
    return said if isinstance(said, str) else result

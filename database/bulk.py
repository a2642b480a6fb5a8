"""Elasticsearch's bulk requests, split by size, and what became of each action."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from database.engine import Engine
from database.errors import MissingObject, PermissionDenied, Unavailable

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

_ENGINE = "elasticsearch"
_CHUNK_BYTES = 8 * 1024 * 1024
_NEWER_THERE, _NOT_THERE, _REFUSED, _BUSY, _SERVER = 409, 404, 403, 429, 500


async def send(
    engine: Engine, operation: str, actions: Iterable[dict[str, Any]], *, refresh: bool = False
) -> list[str]:
    """Send actions that may be repeated, and return for each why it is refused, "" if it is done.

    An older version than the one that is there, and the deletion of what is not there, are done. Unavailable where the server
    is busy, PermissionDenied where this user or, as while a migration copies it, nobody may write to the index, MissingObject without
    the alias: an index of its name must never come to be by itself.
    """
    from elasticsearch.helpers import async_streaming_bulk

    kept = list(actions)

    async def bulk(client: "AsyncElasticsearch") -> list[str]:
        answers = async_streaming_bulk(
            client, kept, raise_on_error=False, max_chunk_bytes=_CHUNK_BYTES, require_alias=True, refresh=refresh
        )
        return [_refusal(answer, operation) async for _, answer in answers]

    return await engine.run(operation, bulk, repeatable=True)


def _refusal(answer: Mapping[str, Any], operation: str) -> str:
    (result,) = answer.values()
    status, error = int(result["status"]), result.get("error")
    if error is None or status == _NEWER_THERE:
        return ""
    said = str(error.get("reason") or error.get("type", "")) if isinstance(error, Mapping) else str(error)
    if status == _BUSY or status >= _SERVER:
        raise Unavailable(f"it is busy: {said}", _ENGINE, operation, "try again in a moment")
    if status == _REFUSED:
        raise PermissionDenied(said, _ENGINE, operation, "use a user who may, or wait until the migration has ended")
    if status == _NOT_THERE:
        raise MissingObject(said, _ENGINE, operation, "./karen migrate up elasticsearch")
    return said

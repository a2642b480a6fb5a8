"""Documents in Elasticsearch: it is where they live, chunk by chunk, and what searches them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from database import bulk
from database.engine import Engine
from database.errors import BadDocument
from database.model import DocumentChunk, Page, checks
from database.model.page import key_of, page
from database.repositories.mapping import tenant_name

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

ALIAS = "ai_karen_documents"
_ENGINE = "elasticsearch"
_FIELDS = ("title", "source", "content_type", "language", "user_id")


class ElasticsearchDocuments:
    """See `protocols.Documents`. A chunk's identifier is made of its tenant too: no tenant writes over another's."""

    def __init__(self, engine: Engine, tenant: str) -> None:
        """Use a client that somebody else opens and closes; InvalidInput for the tenant's name."""
        self._engine = engine
        self._tenant = tenant_name(tenant)

    async def put(self, chunks: Sequence[DocumentChunk], *, wait: bool = False) -> None:
        """Write a document whole, over the one of its key; with `wait`, until searches see it.

        The chunks are of one document and numbered from 0; InvalidInput otherwise. Cut off, it is written again.
        """
        document = _document_of(chunks)
        actions = [{"_index": ALIAS, "_id": self._id(one), "_source": self._source(one)} for one in chunks]

        if reason := next(filter(None, await bulk.send(self._engine, "put document", actions, refresh=wait)), ""):
            raise BadDocument(
                f"{document!r} is refused: {reason}", _ENGINE, "put document", "write it corrected, whole"
            )
        await self._remove("put document", document, {"range": {"chunk_number": {"gte": len(chunks)}}}, wait=wait)

    async def get(self, document_id: str, chunk_number: int = 0) -> DocumentChunk | None:
        """Return a chunk, as it was written last."""
        from elasticsearch import NotFoundError

        name = checks.identifier(document_id, "document_id", engine=_ENGINE, most=255)
        number = checks.number(chunk_number, "chunk_number", engine=_ENGINE)
        identifier = _identifier(self._tenant, name, number)

        async def read(client: "AsyncElasticsearch") -> Mapping[str, Any] | None:
            try:
                return dict(await client.get_source(index=ALIAS, id=identifier, source_excludes=["embedding"]))
            except NotFoundError as error:
                if error.error == "resource_not_found_exception":
                    return None
                raise

        source = await self._engine.run("get document", read, repeatable=True)
        return None if source is None else _chunk(source)

    async def page(
        self, *, document_id: str | None = None, limit: int = 100, after: str | None = None
    ) -> Page[DocumentChunk]:
        """Return chunks by document and number: of one document, or of all of the tenant's."""
        most = checks.limit(limit, engine=_ENGINE)
        key = key_of(after, (str, int), engine=_ENGINE)
        options: dict[str, Any] = {"size": most + 1, "sort": [{"document_id": "asc"}, {"chunk_number": "asc"}]}
        if key is not None:
            options["search_after"] = list(key)
        keyed = [{"exists": {"field": name}} for name in ("document_id", "chunk_number")]
        found = await self._search([*self._filters(document_id), *keyed], **options)
        return page(found, most, lambda one: (one.document_id, one.chunk_number))

    async def search(self, text: str, *, user_id: str | None = None, limit: int = 10) -> list[DocumentChunk]:
        """Return the chunks that fit a text best: of a user, or of all."""
        most, wanted = checks.limit(limit, engine=_ENGINE), checks.text(text, "text", engine=_ENGINE)
        user = checks.optional(user_id, "user_id", engine=_ENGINE)
        filters = self._filters() + ([] if user is None else [{"term": {"user_id": user}}])
        match = {"multi_match": {"query": wanted, "fields": ["title^2", "content"], "type": "most_fields"}}
        return await self._search(filters, must=match, size=most)

    async def delete(self, document_id: str, *, wait: bool = False) -> int:
        """Delete a document, and return how many chunks it had; with `wait`, no search finds it any more."""
        return await self._remove("delete document", document_id, {"match_all": {}}, wait=wait)

    async def _search(
        self, filters: Sequence[Mapping[str, Any]], must: Mapping[str, Any] | None = None, **options: Any
    ) -> list[DocumentChunk]:
        query = {"bool": {"filter": list(filters), **({} if must is None else {"must": must})}}
        answer = await self._engine.run(
            "search documents",
            lambda client: client.search(
                index=ALIAS, query=query, source_excludes=["embedding"], track_total_hits=False, **options
            ),
            repeatable=True,
        )
        return [_chunk(hit["_source"]) for hit in answer["hits"]["hits"]]

    async def _remove(self, operation: str, document_id: str, which: Mapping[str, Any], *, wait: bool) -> int:
        query = {"bool": {"filter": [*self._filters(document_id), which]}}

        async def send(client: "AsyncElasticsearch") -> int:
            # What was written a moment ago has to be found.
            await client.indices.refresh(index=ALIAS)
            answer = await client.delete_by_query(index=ALIAS, query=query, conflicts="proceed", refresh=wait)
            return int(answer["deleted"])

        return await self._engine.run(operation, send, repeatable=True)

    def _filters(self, document_id: str | None = None) -> list[Mapping[str, Any]]:
        filters: list[Mapping[str, Any]] = [{"term": {"tenant_id": self._tenant}}]
        if document_id is not None:
            name = checks.identifier(document_id, "document_id", engine=_ENGINE, most=255)
            filters.append({"term": {"document_id": name}})
        return filters

    def _id(self, chunk: DocumentChunk) -> str:
        return _identifier(self._tenant, chunk.document_id, chunk.chunk_number)

    def _source(self, chunk: DocumentChunk) -> dict[str, Any]:
        values = {name: getattr(chunk, name) for name in _FIELDS}
        return {name: value for name, value in values.items() if value is not None} | {
            "document_id": chunk.document_id,
            "chunk_number": chunk.chunk_number,
            "tenant_id": self._tenant,
            "content": chunk.content,
            "tags": list(chunk.tags),
            "metadata": dict(chunk.metadata),
            "created_at": chunk.created_at.isoformat(),
        }


def _identifier(tenant: str, document_id: str, chunk_number: int) -> str:
    return hashlib.sha256(json.dumps([tenant, document_id, chunk_number]).encode()).hexdigest()


def _document_of(chunks: Sequence[DocumentChunk]) -> str:
    documents, numbers = {one.document_id for one in chunks}, [one.chunk_number for one in chunks]
    if len(documents) != 1 or numbers != list(range(len(chunks))):
        checks.refuse(
            _ENGINE,
            "put document",
            f"chunks {numbers[:5]} of {len(documents)} documents",
            "give all of one, numbered from 0",
        )
    return documents.pop()


def _chunk(source: Mapping[str, Any]) -> DocumentChunk:
    """Return a chunk as the index has it, whoever wrote it."""
    made = object.__new__(DocumentChunk)
    tags = source.get("tags") or ()
    values = {
        **{name: source.get(name) for name in _FIELDS},
        "document_id": source.get("document_id"),
        "chunk_number": source.get("chunk_number"),
        "content": source.get("content", ""),
        "tags": (tags,) if isinstance(tags, str) else tuple(tags),
        "metadata": source.get("metadata") or {},
        "created_at": _moment(source.get("created_at")),
    }
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def _moment(written: Any) -> Any:
    """Return a time; the index takes forms that Python does not know, and those stay as they are."""
    try:
        return datetime.fromisoformat(written) if isinstance(written, str) else written
    except ValueError:
        return written

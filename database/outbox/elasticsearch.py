"""Delivery to Elasticsearch: bulk requests with external versions, so that an older state never replaces a newer one."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from database import bulk
from database.engine import Engine
from database.errors import MissingObject
from database.outbox.model import Change
from database.outbox.rendering import document

ALIAS = "ai_karen_memory"


class ElasticsearchDestination:
    """Documents behind the alias `ai_karen_memory`, named by the memory's key. See `Destination`."""

    name = "elasticsearch"

    def __init__(self, engine: Engine) -> None:
        """Use a client that somebody else opens and closes."""
        self._engine = engine
        self._refreshing: asyncio.Task[None] | None = None

    async def deliver(self, changes: Sequence[Change]) -> Mapping[int, str]:
        """Index and delete; the reasons of documents that the mapping refuses, by key."""
        if any(change.row is None for change in changes):
            await self._find()
        reasons = await bulk.send(self._engine, "deliver memories", map(_action, changes))
        return {change.vector_id: reason for change, reason in zip(changes, reasons, strict=True) if reason}

    async def show(self, keys: Sequence[int]) -> None:
        """Refresh the index; those who wait while one is running share the next."""
        if (running := self._refreshing) is not None and not running.done():
            await asyncio.wait([running])
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())
        await asyncio.shield(self._refreshing)

    async def ask(self) -> None:
        """Ask whether the server answers."""
        await self._engine.run("ask", lambda client: client.info(), repeatable=True)

    async def _find(self) -> None:
        """See that the alias is there: a deletion with a version would make an index of its name, whatever is required."""
        if not await self._engine.run("find", lambda client: client.indices.exists_alias(name=ALIAS), repeatable=True):
            raise MissingObject(
                f"there is no alias {ALIAS}", self.name, "deliver memories", "./karen migrate up elasticsearch"
            )

    async def _refresh(self) -> None:
        await self._engine.run("refresh", lambda client: client.indices.refresh(index=ALIAS), repeatable=True)


def _action(change: Change) -> dict[str, Any]:
    action = {"_index": ALIAS, "_id": str(change.vector_id), "version": change.version, "version_type": "external"}
    if change.row is None:
        return {**action, "_op_type": "delete"}
    return {**action, "_op_type": "index", "_source": document(change.row)}

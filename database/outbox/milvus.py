"""Delivery to Milvus: whole rows are upserted by key, what is gone is deleted by key.

Milvus has no versions. That a key's states arrive in order is the outbox's doing: one relay at a time has a key, and a state is
read anew each time it is sent.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from database import filters
from database.engine import Engine
from database.outbox.model import Change, Row
from database.outbox.rendering import scalars, unfit, vector

ALIAS = "memory_embeddings"
_KEY = "vector_id"
_STRONG = "Strong"


class MilvusDestination:
    """Rows behind the alias `memory_embeddings`, keyed as in PostgreSQL. See `Destination`."""

    name = "milvus"

    def __init__(self, engine: Engine) -> None:
        """Use a client that somebody else opens and closes."""
        self._engine = engine

    async def deliver(self, changes: Sequence[Change]) -> Mapping[int, str]:
        """Upsert and delete; the reasons of rows that do not fit the collection, by key."""
        rows = [change.row for change in changes if change.row is not None]
        refused = {row.vector_id: reason for row in rows if (reason := unfit(row))}
        fitting = [row for row in rows if row.vector_id not in refused]
        wanted = [vector(row) for row in fitting if row.embedding is not None]
        wanted += await self._kept([row for row in fitting if row.embedding is None])
        if wanted:
            await self._engine.run("upsert", lambda client: client.upsert(ALIAS, wanted), repeatable=True)
        if gone := [change.vector_id for change in changes if change.row is None]:
            await self._engine.run("delete", lambda client: client.delete(ALIAS, ids=gone), repeatable=True)
        return refused

    async def show(self, keys: Sequence[int]) -> None:
        """Read the keys with strong consistency: what such a read waits for, every later one sees."""
        await self._read(list(keys), [_KEY])

    async def ask(self) -> None:
        """Ask whether the server answers."""
        await self._engine.run("ask", lambda client: client.describe_collection(ALIAS), repeatable=True)

    async def _kept(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Return, with their fields up to date, the vectors that are there of rows that hold none; the others need one."""
        by_key = {row.vector_id: row for row in rows}
        found = await self._read(list(by_key), ["*"]) if by_key else []
        return [{**one, **scalars(by_key[one[_KEY]])} for one in found]

    async def _read(self, keys: list[int], fields: list[str]) -> list[dict[str, Any]]:
        found = await self._engine.run(
            "query",
            lambda client: client.query(
                ALIAS, filter=filters.one_of(_KEY, keys), output_fields=fields, consistency_level=_STRONG
            ),
            repeatable=True,
        )
        return [dict(one) for one in found]

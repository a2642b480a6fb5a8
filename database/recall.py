"""What is remembered: full text and vectors searched together, fused by reciprocal rank, read from PostgreSQL."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from database import filters
from database.engine import Engine
from database.errors import EngineDisabled
from database.model import Memory, checks
from database.model.memory import embedding as checked
from database.outbox.elasticsearch import ALIAS as INDEX
from database.outbox.milvus import ALIAS as COLLECTION
from database.outbox.model import Transaction
from database.repositories.mapping import tenant_name
from database.repositories.memories import PostgresMemories

# https://doi.org/10.1145/1571941.1572114: how much the first ranks weigh against the others.
_CONSTANT = 60
_FEWEST_CANDIDATES = 50
_TEXT, _VECTOR = "text", "vector"


@dataclass(frozen=True, slots=True)
class Recalled:
    """A memory with its score, higher is better, and its rank from 1 in each search that has found it: `text`, `vector`."""

    memory: Memory
    score: float
    ranks: Mapping[str, int]


class Recall:
    """Searches of one tenant; what is found is read from its rows, so that nothing of another tenant, or deleted, gets through."""

    def __init__(
        self, transaction: Transaction, elasticsearch: Engine | None, milvus: Engine | None, tenant: str
    ) -> None:
        """Use clients that somebody else opens and closes; None is an engine that is turned off."""
        self._transaction = transaction
        self._elasticsearch = elasticsearch
        self._milvus = milvus
        self._tenant = tenant_name(tenant)

    async def recall(
        self,
        text: str | None = None,
        embedding: Sequence[float] | None = None,
        *,
        user_id: str | None = None,
        limit: int = 10,
        least_similarity: float | None = None,
    ) -> list[Recalled]:
        """Return up to `limit` memories, the best first, by text, by normalised embedding or by both; of a user or of all.

        `least_similarity` is the least inner product for the vectors. An engine that is not asked may be away; EngineDisabled for one that is turned off.
        """
        if text is None and embedding is None:
            checks.refuse("elasticsearch", "recall", "neither text nor embedding is given", "give one of them or both")
        most = checks.limit(limit, engine="postgres")
        user = checks.optional(user_id, "user_id", engine="postgres")
        depth = min(max(_FEWEST_CANDIDATES, 4 * most), checks.MOST_PER_PAGE)
        searches = {}
        if text is not None:
            searches[_TEXT] = self._by_text(checks.text(text, "text", engine="elasticsearch"), user, depth)
        if embedding is not None:
            searches[_VECTOR] = self._by_vector(checked(embedding), user, depth, least_similarity)
        found = dict(zip(searches, await asyncio.gather(*searches.values()), strict=True))
        return await self._read(found, user, most)

    async def _by_text(self, text: str, user: str | None, depth: int) -> list[int]:
        terms = {"tenant_id": self._tenant, **({} if user is None else {"user_id": user})}
        query = {
            "bool": {
                "must": {"multi_match": {"query": text, "fields": ["query", "result"], "type": "most_fields"}},
                "filter": [{"term": {field: value}} for field, value in terms.items()]
                + [{"exists": {"field": "vector_id"}}],
            }
        }
        answer = await _enabled(self._elasticsearch, "elasticsearch", "text").run(
            "search memories",
            lambda client: client.search(
                index=INDEX,
                query=query,
                size=depth,
                source=False,
                docvalue_fields=["vector_id"],
                track_total_hits=False,
            ),
            repeatable=True,
        )
        return [int(hit["fields"]["vector_id"][0]) for hit in answer["hits"]["hits"]]

    async def _by_vector(
        self, embedding: Sequence[float], user: str | None, depth: int, least: float | None
    ) -> list[int]:
        conditions = [filters.equals("tenant_id", self._tenant)]
        conditions += [] if user is None else [filters.equals("user_id", user)]
        parameters: dict[str, Any] = {"metric_type": "IP", "params": {"ef": max(64, depth)}}
        answer = await _enabled(self._milvus, "milvus", "an embedding").run(
            "search memories",
            lambda client: client.search(
                COLLECTION,
                data=[list(embedding)],
                anns_field="embedding",
                filter=filters.every(*conditions),
                limit=depth,
                search_params=parameters,
                # Milvus 2.3 gives the key no name of its own.
                output_fields=["vector_id"],
            ),
            repeatable=True,
        )
        return [int(hit["vector_id"]) for hit in answer[0] if least is None or hit["distance"] >= least]

    async def _read(self, found: Mapping[str, Sequence[int]], user: str | None, most: int) -> list[Recalled]:
        keys = {key for ranking in found.values() for key in ranking}
        async with self._transaction() as connection:
            rows = await PostgresMemories(connection, self._tenant).get_many(sorted(keys))
        return merge(found, rows, user, most)


def _enabled(engine: Engine | None, name: str, what: str) -> Engine:
    if engine is None:
        fix = f"recall without {what}, or set ENABLE_{name.upper()}=true"
        raise EngineDisabled(f"{what} is given, and the engine is turned off", name, "recall", fix)
    return engine


def fuse(*rankings: Sequence[int], constant: int = _CONSTANT) -> list[tuple[int, float]]:
    """Return each key with its score, the sum of 1 / (constant + rank) over the rankings, best first and then by key."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for key, rank in _ranks(ranking).items():
            scores[key] = scores.get(key, 0.0) + 1 / (constant + rank)
    return sorted(scores.items(), key=lambda one: (-one[1], one[0]))


def merge(
    found: Mapping[str, Sequence[int]], rows: Mapping[int, Memory], user: str | None, most: int
) -> list[Recalled]:
    """Return what was found, as its rows are now: an engine that is behind may take it for one that was this user's before."""
    ranks = {name: _ranks(keys) for name, keys in found.items()}
    recalled = [
        Recalled(rows[key], score, {name: one[key] for name, one in ranks.items() if key in one})
        for key, score in fuse(*found.values())
        if key in rows and user in (None, rows[key].user_id)
    ]
    return recalled[:most]


def _ranks(keys: Sequence[int]) -> dict[int, int]:
    """Return ranks from 1; of a key that comes twice, the first."""
    return {key: rank for rank, key in reversed(list(enumerate(dict.fromkeys(keys), 1)))}

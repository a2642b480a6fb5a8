"""Memories in three real engines: the shipped schema, rows with their documents and vectors, and an own look at all of it."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch, helpers
from pymilvus import MilvusClient

from backup.reconcile.rounds import reconcile
from init.engines.postgres_connection import Connection, connect
from init.migrations import load
from init.resources import data
from init.runner.up import up
from tests.contract.containers import Contract
from tests.contract.migrations import cases

Row = dict[str, Any]
ENGINES = ("postgres", "elasticsearch", "milvus")
NOT_DONE = {"written": 0, "updated": 0, "deleted": 0}
INDEX, COLLECTION = "ai_karen_memory", "memory_embeddings"
COLUMNS = ("vector_id", "tenant_id", "user_id", "session_id", "query", "result", "timestamp")
_INSERT = f"INSERT INTO memory ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"


@dataclass
class Stack:
    """Clients of a test's own beside the connections that a job is given."""

    connections: dict[str, dict[str, Any]]
    postgres: Connection
    elasticsearch: Elasticsearch
    milvus: MilvusClient

    def reconcile(self, *, dry_run: bool = False) -> dict[str, Any]:
        """Do it as a job does."""
        return reconcile(self.connections, dry_run=dry_run, progress=lambda _: None)

    def empty(self) -> None:
        """Remove every memory."""
        self.postgres.execute("TRUNCATE memory")
        self.postgres.execute("ALTER TABLE memory DROP COLUMN IF EXISTS embedding")
        self.elasticsearch.indices.refresh(index=INDEX)
        self.elasticsearch.delete_by_query(index=INDEX, query={"match_all": {}}, refresh=True, conflicts="proceed")
        if keys := list(self.vectors()):
            self.milvus.delete(COLLECTION, ids=keys)

    def fill(self, count: int, *, seed: int = 1) -> list[Row]:
        """Write memories that agree everywhere, and return their rows."""
        rows = memories(count, seed=seed)
        self.insert(rows)
        self.index(rows)
        self.embed(rows)
        return rows

    def insert(self, rows: Sequence[Row]) -> None:
        with self.postgres.cursor() as cursor:
            cursor.executemany(_INSERT, [[row[name] for name in COLUMNS] for row in rows])

    def index(self, rows: Sequence[Row], **changes: Any) -> None:
        """Index documents as applications do: named by the server, the result as it is said."""
        actions = [{"_index": INDEX, "_source": {**document(row), **changes}} for row in rows]
        helpers.bulk(self.elasticsearch, actions, refresh=True)

    def embed(self, rows: Sequence[Row], **changes: Any) -> None:
        for start in range(0, len(rows), 500):
            self.milvus.insert(COLLECTION, [{**entity(row), **changes} for row in rows[start : start + 500]])

    def lag(self, rows: Sequence[Row]) -> list[Row]:
        """Let PostgreSQL be ahead of the others: deleted, changed and new rows; return the new ones."""
        gone, changed, count = rows[::10], rows[1::10], len(rows) // 20
        self.postgres.execute("DELETE FROM memory WHERE vector_id = ANY(%s)", [[one["vector_id"] for one in gone]])
        for number, one in enumerate(changed):
            column = ("tenant_id", "user_id", "session_id", "query", "result")[number % 5]
            statement = f"UPDATE memory SET {column} = %s, timestamp = coalesce(timestamp, 0) + %s WHERE vector_id = %s"
            value = None if number % 2 else f'"new {number}"'
            self.postgres.execute(statement.encode(), [value, number % 3, one["vector_id"]])
        new = memories(count, seed=99, start=len(rows))
        self.insert(new)
        return new

    def changes(self) -> dict[str, int]:
        """Return the number of the last change of every document."""
        return {hit["_id"]: hit["_seq_no"] for hit in self.documents()}

    def documents(self) -> list[dict[str, Any]]:
        """Return every document as the server has it, with the number of its last change and with its vector."""
        self.elasticsearch.indices.refresh(index=INDEX)
        return list(
            self.elasticsearch.search(index=INDEX, size=10_000, seq_no_primary_term=True, source_exclude_vectors=False)[
                "hits"
            ]["hits"]
        )

    def vectors(self) -> dict[int, Row]:
        """Return every row of the collection, by key."""
        found = self.milvus.query(COLLECTION, filter="", output_fields=["*"], limit=16_000, consistency_level="Strong")
        return {row["vector_id"]: dict(row) for row in found}

    def mismatches(self) -> list[str]:
        """Return what differs, found in a way of its own: everything at once."""
        rows = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in self._rows()}
        wrong = []
        documents = [hit["_source"] for hit in self.documents()]
        held = [source["vector_id"] for source in documents if "vector_id" in source]
        wrong += [f"document {key}" for key in set(held) ^ set(rows)]
        wrong += [f"twice {key}" for key in held if held.count(key) > 1]
        wrong += [
            f"contents {key}"
            for source in documents
            if (key := source.get("vector_id")) in rows and _shown(source) != _shown(document(rows[key]))
        ]
        vectors = self.vectors()
        wrong += [f"vector {key}" for key in set(vectors) ^ set(rows)]
        wrong += [f"fields {key}" for key in set(vectors) & set(rows) if fields(vectors[key]) != fields(rows[key])]
        return sorted(wrong)

    def _rows(self) -> list[tuple[Any, ...]]:
        return self.postgres.execute(f"SELECT {', '.join(COLUMNS)} FROM memory".encode()).fetchall()


@contextmanager
def prepared(servers: Contract, directory: Path) -> Iterator[Stack]:
    """Provide the shipped schema in all three, and nothing else."""
    connections = {}
    for engine in ENGINES:
        case = cases.load(engine)(servers, directory)
        case.wipe_everything() if engine == "postgres" else case.wipe()
        with case.run(load(data.DIRECTORY / engine)) as run:
            up(run)
            run.driver.seed({})
        connections[engine] = case.connection
    search, vectors = connections["elasticsearch"], connections["milvus"]
    with (
        connect(connections["postgres"], application="test") as postgres,
        Elasticsearch(search["url"], basic_auth=(search["user"], search["password"]), request_timeout=60) as client,
    ):
        address = f"http://{vectors['host']}:{vectors['port']}"
        milvus = MilvusClient(address, user=vectors["user"], password=vectors["password"], dedicated=True)
        yield Stack(connections, postgres, client, milvus)
        milvus.close()


def memories(count: int, *, seed: int = 1, start: int = 0) -> list[Row]:
    """Return rows of every kind: all 64 bits of a key, every language, what is not set, results of every JSON type."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    keys = [chance.randrange(-(1 << 62), 1 << 62) for _ in range(count)]
    results: list[Any] = ["plain", "ü 😀", {"a": [1, None]}, 12, True, [], "", 'a "quoted" one']
    return [
        {
            "vector_id": key,
            "tenant_id": chance.choice([None, "", "one", "two"]),
            "user_id": f"user {number % 7}",
            "session_id": chance.choice([None, "session"]),
            "query": f"What about number {start + number}, 世界?",
            "result": None if number % 11 == 0 else json.dumps(results[number % len(results)]),
            "timestamp": None if number % 13 == 0 else 1_700_000_000 + number,
        }
        for number, key in enumerate(keys)
    ]


def document(row: Mapping[str, Any]) -> Row:
    """Return what an application indexes of a memory: with a vector in it for every other."""
    said = json.loads(row["result"]) if row["result"] else None
    source = {**row, "result": said if isinstance(said, str) else row["result"]}
    source |= {"embedding": unit(row["vector_id"])} if row["vector_id"] % 2 else {}
    return {name: value for name, value in source.items() if value is not None}


def entity(row: Mapping[str, Any]) -> Row:
    """Return a memory's vector with what stands beside it."""
    key = row["vector_id"]
    return {"vector_id": key, "embedding": unit(key), "metadata": {"of": str(key), "deep": [{"a": 1.5}]}, **fields(row)}


def fields(row: Mapping[str, Any]) -> Row:
    texts = {name: row[name] or "" for name in ("tenant_id", "user_id", "session_id")}
    return {**texts, "timestamp": row["timestamp"] or 0}


def unit(key: int) -> list[float]:
    """Return a vector of length 1, always the same of a key."""
    numbers = np.random.default_rng(key % (1 << 63)).standard_normal(384)
    found: list[float] = (numbers / np.linalg.norm(numbers)).astype(np.float32).tolist()
    return found


def _shown(source: Mapping[str, Any]) -> Row:
    """Return what is compared of a document: the vector in it is not PostgreSQL's, and Elasticsearch keeps it in its own way."""
    return {name: source[name] for name in COLUMNS if source.get(name) not in (None, "")}

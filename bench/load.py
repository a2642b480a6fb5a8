"""Loading data in bulk against the engines' own tools, on servers of its own: rows, documents and vectors."""

import csv
import json
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from pymilvus import CollectionSchema, DataType, FieldSchema, MilvusClient

from bench.measure import Ratio, compare, seconds
from bench.servers import put
from init.engines.postgres_connection import connect
from init.loads import elasticsearch, milvus, postgres, source
from tests.contract.containers import Contract
from tests.contract.migrations.case import CREDENTIALS
from tests.contract.servers import PASSWORD

ROWS, DOCUMENTS, VECTORS, DIMENSIONS = 1_000_000, 100_000, 50_000, 384
_SWEEP = tuple(250 * 2**step for step in range(8))
_VECTORS_IN_INSERT = 10_000
_MAPPINGS = {
    "properties": {
        "content": {"type": "text", "analyzer": "english"},
        "user_id": {"type": "keyword"},
        "timestamp": {"type": "date", "format": "epoch_second"},
    }
}
_WORDS = [
    "memory",
    "persona",
    "vector",
    "search",
    "query",
    "answer",
    "session",
    "document",
    "index",
    "profile",
    "tenant",
    "context",
]


def run() -> Iterator[Ratio]:
    """Measure engine after engine, each with its servers alone."""
    with tempfile.TemporaryDirectory(prefix="karen-bench-") as directory:
        for measure in (_rows, _documents, _vectors):
            with Contract.session("bench-load") as contract:
                yield measure(contract, Path(directory))


def _rows(contract: Contract, directory: Path) -> Ratio:
    """Measure from this host over the bridge, and psql from its start to its end inside the container."""
    server = contract.healthy("postgres")
    connection = {**CREDENTIALS, "host": contract.address("postgres")}
    file = directory / "rows.csv"
    with file.open("w", encoding="utf-8", newline="") as sink:
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(("id", "tenant_id", "score", "note"))
        writer.writerows((n, f"tenant-{n % 97}", n * 0.25, f"note number {n}") for n in range(ROWS))
    command = rf"\copy rows FROM '{put(server, file)}' WITH (FORMAT csv, HEADER true)"
    psql = f'psql -h 127.0.0.1 -U {CREDENTIALS["user"]} -qX -c "{command}"'
    timed = ["sh", "-c", f"date +%s%N && {psql} && date +%s%N"]

    def emptied() -> None:
        with connect(connection) as opened:
            opened.execute("DROP TABLE IF EXISTS rows")
            opened.execute("CREATE TABLE rows (id bigint PRIMARY KEY, tenant_id text NOT NULL, score real, note text)")
            opened.execute("CHECKPOINT")

    def ours() -> float:
        emptied()
        return seconds(lambda: postgres.load(connection, "rows", source.read("postgres", file).pieces))

    def theirs() -> float:
        emptied()
        done = server.exec_run(timed, environment={"PGPASSWORD": PASSWORD})
        assert done.exit_code == 0, done.output
        assert isinstance(done.output, bytes)
        began, ended = map(int, done.output.split())
        return (ended - began) / 1e9

    return compare(rf"{ROWS:,} rows / psql \copy", ours, theirs, goal=1.1, rounds=7)


def _documents(contract: Contract, directory: Path) -> Ratio:
    """Measure against one request after the other, each of as many documents as were fastest in a sweep."""
    contract.healthy("elasticsearch")
    address = f"http://{contract.address('elasticsearch')}:9200"
    connection = {"url": address, "user": "elastic", "password": PASSWORD}
    file = directory / "documents.ndjson"
    chosen = random.Random(1)  # noqa: S311 - words, not secrets
    lines = [_document(number, chosen.choices(_WORDS, k=24)) for number in range(DOCUMENTS)]
    file.write_bytes(b"".join(lines))
    with Elasticsearch(address, basic_auth=("elastic", PASSWORD), request_timeout=120) as client:

        def emptied() -> None:
            client.options(ignore_status=404).indices.delete(index="documents")
            settings = {"number_of_shards": 1, "number_of_replicas": 0}
            client.indices.create(index="documents", mappings=_MAPPINGS, settings=settings)

        def ours() -> float:
            emptied()
            pieces = source.read("elasticsearch", file).pieces
            return seconds(lambda: elasticsearch.load(connection, "documents", pieces))

        def theirs(size: int, documents: Sequence[bytes] = lines) -> float:
            emptied()
            bodies = [b'{"index":{}}\n' + b'{"index":{}}\n'.join(part) for part in _parts(documents, size)]
            began = time.perf_counter()
            for body in bodies:
                # The client's types do not know that a body may be ready.
                answer = client.bulk(index="documents", operations=body)  # type: ignore[arg-type]
                assert not answer["errors"]
            return time.perf_counter() - began

        ours()
        sample = lines[: DOCUMENTS // 4]
        best = min(_SWEEP, key=lambda size: min(theirs(size, sample) for _ in range(3)))
        name = f"{DOCUMENTS:,} documents / _bulk of {best}"
        return compare(name, ours, lambda: theirs(best), goal=1.1, rounds=5)


def _vectors(contract: Contract, directory: Path) -> Ratio:
    """Measure from the file to the end of the flush; the client has its rows ready in memory."""
    contract.healthy("milvus")
    host = contract.address("milvus")
    # A new server's user, as documented.
    user = {"user": "root", "password": "Milvus"}
    connection = {"host": host, "port": 19530, "authorization": True, **user}
    client = MilvusClient(uri=f"http://{host}:19530", **user)
    keys = np.arange(VECTORS)
    embeddings = np.random.default_rng(1).random((VECTORS, DIMENSIONS), dtype="f4")
    file = directory / "vectors.npz"
    np.savez(file, key=keys, embedding=embeddings)
    rows = [{"key": key, "embedding": embedding} for key, embedding in zip(keys.tolist(), embeddings, strict=True)]
    fields = [
        FieldSchema("key", DataType.INT64, is_primary=True),
        FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=DIMENSIONS),
    ]

    def emptied() -> None:
        if client.has_collection("vectors"):
            client.drop_collection("vectors")
        client.create_collection("vectors", schema=CollectionSchema(fields))

    def ours() -> float:
        emptied()
        return seconds(lambda: milvus.load(connection, "vectors", source.read("milvus", file).pieces))

    def theirs() -> float:
        emptied()
        began = time.perf_counter()
        for part in _parts(rows, _VECTORS_IN_INSERT):
            client.insert("vectors", list(part))
        client.flush("vectors")
        return time.perf_counter() - began

    try:
        return compare(f"{VECTORS:,} x {DIMENSIONS} vectors / pymilvus insert", ours, theirs, goal=1.1, rounds=5)
    finally:
        client.close()


def _document(number: int, words: Sequence[str]) -> bytes:
    document: Mapping[str, Any] = {"content": " ".join(words), "user_id": f"u{number % 997}", "timestamp": number}
    return json.dumps(document).encode() + b"\n"


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))

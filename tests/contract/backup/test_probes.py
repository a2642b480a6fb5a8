"""Probes of real engines: what is whole is found, what is broken is named."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import redis
from elasticsearch import Elasticsearch, helpers
from minio import Minio
from pymilvus import CollectionSchema, DataType, FieldSchema, MilvusClient

from backup.probes import NAMES, probe, probe_step
from backup.probes import milvus as milvus_probe
from init.engines.postgres_connection import connect
from init.protocol import Failure
from tests.contract.containers import Contract
from tests.contract.migrations import cases
from tests.contract.servers import PASSWORD

pytestmark = pytest.mark.contract
_TABLE = '"a ""table"" here"'
_REDIS = {"port": 6379, "username": "default", "password": PASSWORD}


@pytest.fixture(scope="module")
def connections(servers: Contract, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Every engine, empty."""
    found = {}
    for engine in ("postgres", "elasticsearch", "milvus", "minio"):
        case = cases.load(engine)(servers, tmp_path_factory.mktemp(engine))
        case.wipe_everything() if engine == "postgres" else case.wipe()
        found[engine] = case.connection
    found["redis"] = {**_REDIS, "host": servers.address("redis")}
    redis.Redis(**found["redis"]).flushall()
    found["duckdb"] = {"path": str(tmp_path_factory.mktemp("duckdb") / "karen.duckdb")}
    duckdb.connect(found["duckdb"]["path"]).close()
    return found


@pytest.fixture
def elasticsearch(connections: dict[str, dict[str, Any]]) -> Iterator[Elasticsearch]:
    url = connections["elasticsearch"]["url"]
    with Elasticsearch(url, basic_auth=("elastic", PASSWORD), request_timeout=60) as client:
        yield client
        client.indices.delete(index="probed_v001,probed_lost", ignore_unavailable=True)


@pytest.fixture
def milvus(connections: dict[str, dict[str, Any]]) -> Iterator[MilvusClient]:
    one = connections["milvus"]
    address = f"http://{one['host']}:{one['port']}"
    client = MilvusClient(address, user=one["user"], password=one["password"], dedicated=True)
    yield client
    client.drop_collection("probed")
    client.close()


def asked(connections: dict[str, dict[str, Any]], name: str) -> str:
    return probe(connections, [name], lambda _: None)[name]


def refusal(connections: dict[str, dict[str, Any]], name: str) -> str:
    with pytest.raises(Failure) as caught:
        asked(connections, name)
    assert caught.value.kind == "ProbeFailed"
    assert PASSWORD not in caught.value.message
    return caught.value.message


def test_empty_engines_say_so(connections: dict[str, dict[str, Any]]) -> None:
    assert probe_step({"engines": connections, "names": list(NAMES)}) == {
        "probes": {
            "postgres": "no tables",
            "duckdb": "no tables",
            "redis": "no keys",
            "elasticsearch": "no documents",
            "milvus": "no vectors",
            "minio": "no objects",
        }
    }


def test_every_table_is_read_and_every_index_checked(connections: dict[str, dict[str, Any]]) -> None:
    with connect(connections["postgres"], application="test") as postgres:
        postgres.execute(f"CREATE TABLE {_TABLE} (id integer PRIMARY KEY, text text UNIQUE)".encode())
        postgres.execute(f"INSERT INTO {_TABLE} SELECT n, md5(n::text) FROM generate_series(1, 500) AS n".encode())
        postgres.execute("CREATE TABLE nothing ()")
        assert asked(connections, "postgres") == "500 rows in 2 tables read, 2 indexes checked"
        # Nothing of the check stays.
        assert postgres.execute("SELECT FROM pg_extension WHERE extname = 'amcheck'").fetchone() is None
        # An index that its table has outrun, as after a lost write.
        unready = "UPDATE pg_index SET indisready = %s WHERE indrelid = %s::regclass AND NOT indisprimary"
        postgres.execute(unready, [False, _TABLE])
        postgres.execute(f"INSERT INTO {_TABLE} VALUES (501, 'not indexed')".encode())
        postgres.execute(unready, [True, _TABLE])
        message = refusal(connections, "postgres")
        assert "_text_key" in message
        assert "lacks matching index tuple" in message
        postgres.execute(f"DROP TABLE nothing, {_TABLE}".encode())


def test_keys_of_every_type_are_read(connections: dict[str, dict[str, Any]]) -> None:
    client = redis.Redis(**connections["redis"])
    client.set("text", b"\xff\x00")
    client.hset("hash", mapping={"a": "1"})
    client.rpush("list", "a", "b")
    client.sadd("set", "a")
    client.zadd("ordered", {"a": float("inf")})
    client.xadd("stream", {"a": "b"})
    client.pfadd("about", "a")
    redis.Redis(**connections["redis"], db=3).mset({f"key {number}": number for number in range(500)})
    told = asked(connections, "redis")
    client.flushall()
    assert told.endswith(" of 507 keys in 2 databases read")
    assert 7 < int(told.split()[0]) <= 27


def test_the_whole_file_is_read(connections: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "karen.duckdb"
    with duckdb.connect(str(path)) as opened:
        opened.execute("CREATE SCHEMA other")
        opened.execute(f"CREATE TABLE other.{_TABLE} AS SELECT range AS n, md5(range::text) AS t FROM range(200000)")
        opened.execute("CREATE TABLE nothing (n integer)")
    here = {"duckdb": {"path": str(path)}}
    assert asked(here, "duckdb") == "200000 rows in 2 tables read"
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 64)
    assert "checksum" in refusal(here, "duckdb").lower()
    path.unlink()
    assert refusal(here, "duckdb") == f"duckdb: {path} does not exist"


def test_documents_are_found_by_their_words(
    connections: dict[str, dict[str, Any]], elasticsearch: Elasticsearch
) -> None:
    text = {"type": "text", "analyzer": "english"}
    mapping = {"dynamic": False, "properties": {"about": {"properties": {"title": text}}, "number": {"type": "long"}}}
    elasticsearch.indices.create(index="probed_v001", aliases={"probed": {}}, mappings=mapping)
    titles = ["the", "Ein längerer Titel 😀", "of it", "猫はどこ"] * 10
    sources = [{"about": {"title": title}} for title in titles] + [{"number": 1}, {}]
    helpers.bulk(elasticsearch, [{"_index": "probed", "_source": source} for source in sources])
    assert asked(connections, "elasticsearch") == "20 of 20 documents found"
    # Its own words are not in the index: as if it was written in another way.
    elasticsearch.indices.create(
        index="probed_lost", mappings={"properties": {"title": {"type": "text", "analyzer": "english"}}}
    )
    elasticsearch.index(index="probed_lost", document={"title": "running"}, id="1")
    elasticsearch.indices.close(index="probed_lost")
    settings = {"analysis": {"analyzer": {"english": {"type": "keyword"}}}}
    elasticsearch.indices.put_settings(index="probed_lost", settings=settings)
    elasticsearch.indices.open(index="probed_lost")
    assert "document 1 of probed_lost is not found by its own words" in refusal(connections, "elasticsearch")


@pytest.mark.parametrize(("kind", "metric"), [("HNSW", "IP"), ("IVF_FLAT", "COSINE"), ("FLAT", "L2")])
def test_vectors_find_their_neighbours(
    connections: dict[str, dict[str, Any]],
    milvus: MilvusClient,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    metric: str,
) -> None:
    fields = [
        FieldSchema("key", DataType.VARCHAR, is_primary=True, max_length=32),
        FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=32),
    ]
    params = {"HNSW": {"M": 8, "efConstruction": 64}, "IVF_FLAT": {"nlist": 64}}.get(kind, {})
    index = milvus.prepare_index_params(field_name="embedding", index_type=kind, metric_type=metric, params=params)
    milvus.create_collection("probed", schema=CollectionSchema(fields), index_params=index)
    numbers = np.random.default_rng(1).standard_normal((3000, 32))
    milvus.insert("probed", [{"key": f'"{row}"', "embedding": one.tolist()} for row, one in enumerate(numbers)])
    assert asked(connections, "milvus").startswith(("recall 1.00 over 1", "recall 0.9"))
    # Where there are more than are compared, each has to find itself.
    with monkeypatch.context() as patch:
        patch.setattr(milvus_probe, "_ROWS", 100)
        assert asked(connections, "milvus") == "recall 1.00 over 1 collections"
    # With a narrow range, a vector's nearest is itself and nothing else: a tenth of what there is to find.
    narrow = {"L2": {"radius": 0.1}, "IP": {"radius": 1e6}, "COSINE": {"radius": 0.999}}[metric]
    monkeypatch.setattr(milvus_probe, "_WIDTHS", {kind: {**narrow, **milvus_probe._WIDTHS.get(kind, {})}})
    message = refusal(connections, "milvus")
    assert message.startswith("milvus: the collection probed: recall 0.")
    assert message.endswith("0 of embedding; allowed: from 0.9")


def test_an_object_of_every_bucket_is_read(connections: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    one = connections["minio"]
    client = Minio(
        one["endpoint"].removeprefix("http://"), one["access_key"], one["secret_key"], secure=False, region="us-east-1"
    )
    file = tmp_path / "large"
    file.write_bytes(bytes(11_000_000))
    for bucket in ("probed-empty", "probed-small", "probed-parts"):
        client.make_bucket(bucket)
    client.fput_object("probed-small", "a/ü.bin", str(tmp_path / "large"), part_size=64_000_000)
    client.fput_object("probed-parts", "large", str(file), part_size=5 << 20)
    told = asked(connections, "minio")
    for bucket, name in (("probed-small", "a/ü.bin"), ("probed-parts", "large"), ("probed-empty", "")):
        if name:
            client.remove_object(bucket, name)
        client.remove_bucket(bucket)
    assert told == "an object of each of 2 buckets read, 1 are empty"

"""Elasticsearch, MinIO and Milvus: until their data are touched, a restore is given up; from then on there is only the way on."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from minio import Minio

from backup.engines.base import LOST
from backup.engines.elasticsearch import PART as ELASTICSEARCH
from backup.engines.milvus import PART as MILVUS
from backup.engines.milvus_names import EXCHANGING, LOADED, mark, temporary
from backup.engines.minio import PART as MINIO
from backup.model import Taken
from init.protocol import Failure
from tests.contract.backup import milvus_contents as made
from tests.contract.backup.elasticsearch_values import ONE, states
from tests.contract.backup.minio_values import put
from tests.contract.backup.plain_files import Files, backed_up, task
from tests.contract.milvus_server import Server

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]
SET = "20261122-100000-abcd"


def interrupted(part: Any, connection: dict[str, Any], taken: Taken, path: Path, patch: pytest.MonkeyPatch) -> None:
    """Exchange as far as the first thing that cannot be had again."""

    def end(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for name in ("elasticsearch_putting.trial.restore", "minio_restore.minio_settings.make", "milvus_exchange._put"):
        patch.setattr(f"backup.engines.{name}", end)
    with pytest.raises(KeyboardInterrupt):
        part.exchange(connection, taken, task(path))
    patch.undo()


def test_elasticsearch(
    elasticsearch_client: Elasticsearch,
    elasticsearch_connection: dict[str, str],
    elasticsearch_set: tuple[Files, Taken],
    staging: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (files, taken), before = elasticsearch_set, states(elasticsearch_client)

    def give_up() -> bool:
        return ELASTICSEARCH.give_up(elasticsearch_connection, taken, task(tmp_path))

    ELASTICSEARCH.load(elasticsearch_connection, files, taken, task(tmp_path))
    assert [give_up(), give_up()] == [True, True]
    assert (states(elasticsearch_client), list((staging / "restores").iterdir())) == (before, [])
    ELASTICSEARCH.load(elasticsearch_connection, files, taken, task(tmp_path))
    interrupted(ELASTICSEARCH, elasticsearch_connection, taken, tmp_path, monkeypatch)
    assert [give_up(), give_up()] == [False, False]
    ELASTICSEARCH.finish(elasticsearch_connection, taken, task(tmp_path))
    assert ELASTICSEARCH.summarize(elasticsearch_connection) == (taken.counts, taken.checksums)
    # There is no way on either: what is there takes writes, and no set is made of it.
    ELASTICSEARCH.load(elasticsearch_connection, files, taken, task(tmp_path))
    interrupted(ELASTICSEARCH, elasticsearch_connection, taken, tmp_path, monkeypatch)
    shutil.rmtree(staging / "restores" / SET / "repository")
    elasticsearch_client.indices.create(index="since", settings=ONE)
    with pytest.raises(Failure, match=f"what was there is gone, and set {SET} cannot be put in its place") as failure:
        give_up()
    assert (failure.value.kind, "--only elasticsearch" in failure.value.fix) == (LOST, True)
    elasticsearch_client.index(index="since", id="1", document={"a": 1})
    with pytest.raises(Failure, match="is not finished"):
        backed_up(ELASTICSEARCH, elasticsearch_connection, tmp_path)
    for step in ("load", "exchange", "finish"):
        arguments = (files, taken) if step == "load" else (taken,)
        getattr(ELASTICSEARCH, step)(elasticsearch_connection, *arguments, task(tmp_path))
    assert ELASTICSEARCH.summarize(elasticsearch_connection) == (taken.counts, taken.checksums)


def test_what_others_have_made_meanwhile_does_not_keep_elasticsearch_closed(
    elasticsearch_client: Elasticsearch,
    elasticsearch_connection: dict[str, str],
    elasticsearch_set: tuple[Files, Taken],
    tmp_path: Path,
) -> None:
    files, taken = elasticsearch_set
    ELASTICSEARCH.load(elasticsearch_connection, files, taken, task(tmp_path))
    ELASTICSEARCH.exchange(elasticsearch_connection, taken, task(tmp_path))
    elasticsearch_client.indices.create(index="since", settings=ONE)
    with pytest.raises(Failure, match="the list of indices"):
        ELASTICSEARCH.finish({**elasticsearch_connection, "alone": True}, taken, task(tmp_path))
    ELASTICSEARCH.finish(elasticsearch_connection, taken, task(tmp_path))
    # One was closed to writes when it was taken.
    assert list(elasticsearch_client.indices.get_settings(index="*", name="index.blocks.write").body) == ["blocked"]


def test_minio(
    minio_client: Minio,
    minio_connection: dict[str, str],
    minio_set: tuple[Files, Taken],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files, taken = minio_set

    def give_up() -> bool:
        return MINIO.give_up(minio_connection, taken, task(tmp_path))

    put(minio_client, "plain", "later", b"since")
    before = MINIO.summarize(minio_connection)
    MINIO.load(minio_connection, files, taken, task(tmp_path))
    assert [give_up(), give_up()] == [True, True]
    assert MINIO.summarize(minio_connection) == before
    assert not [one.name for one in minio_client.list_buckets() if one.name.startswith("karen-")]
    MINIO.load(minio_connection, files, taken, task(tmp_path))
    interrupted(MINIO, minio_connection, taken, tmp_path, monkeypatch)
    assert [give_up(), give_up()] == [False, False]
    MINIO.finish(minio_connection, taken, task(tmp_path))
    assert MINIO.summarize(minio_connection) == (taken.counts, taken.checksums)


def test_milvus(milvus_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made.small(milvus_server.client, "notes", 20)
    made.loaded(milvus_server.client)
    files, taken = backed_up(MILVUS, milvus_server.connection, tmp_path)
    milvus_server.client.upsert("notes", [made.text(0, "since")])
    rows = made.contents(milvus_server.client, "notes")

    def give_up() -> bool:
        return MILVUS.give_up(milvus_server.connection, taken, task(tmp_path))

    MILVUS.load(milvus_server.connection, files, taken, task(tmp_path))
    assert mark(SET, LOADED) in milvus_server.client.list_collections()
    assert [give_up(), give_up()] == [True, True]
    assert milvus_server.client.list_collections() == ["notes"]
    assert made.contents(milvus_server.client, "notes") == rows
    MILVUS.load(milvus_server.connection, files, taken, task(tmp_path))
    interrupted(MILVUS, milvus_server.connection, taken, tmp_path, monkeypatch)
    assert {mark(SET, EXCHANGING), temporary(SET, 0)} < set(milvus_server.client.list_collections())
    with pytest.raises(Failure, match="a restore of its collections is not finished") as failure:
        backed_up(MILVUS, milvus_server.connection, tmp_path)
    assert failure.value.kind == "RestoreUnfinished"
    assert [give_up(), give_up()] == [False, False]
    MILVUS.finish(milvus_server.connection, taken, task(tmp_path))
    assert milvus_server.client.list_collections() == ["notes"]
    assert MILVUS.summarize(milvus_server.connection) == (taken.counts, taken.checksums)

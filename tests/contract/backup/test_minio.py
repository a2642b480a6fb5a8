"""MinIO's part of a set: buckets with settings, versions and markers come back as they were."""

import threading
import time
from pathlib import Path

import pytest
from minio import Minio
from minio.commonconfig import ENABLED
from minio.versioningconfig import VersioningConfig

from backup.engines.minio import PART
from backup.engines.minio_settings import read as settings_of
from backup.model import Taken
from init.engines import minio_buckets
from tests.contract.backup.minio_values import KEY, history, put
from tests.contract.backup.plain_files import Files, backed_up, restored

pytestmark = pytest.mark.contract


def test_everything_comes_back_as_it_was_into_an_empty_server(
    minio_client: Minio, minio_connection: dict[str, str], minio_set: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = minio_set
    buckets = ["empty", "locked", "plain", "suspended", "versions"]
    assert files.names == tuple(f"buckets/{name}.tar" for name in buckets)
    assert taken.counts["versions objects"] == 1
    assert taken.counts["versions versions"] == 7
    assert taken.counts["empty versions"] == 0
    assert (dict(taken.counts), dict(taken.checksums)) == PART.summarize(minio_connection)
    settings = {name: settings_of(minio_client, name) for name in buckets}
    versions = history(minio_connection, "versions")
    assert [content for key, content in versions if key == "book"] == [
        *(f"edition {number}" for number in range(3)),
        None,
        "edition 3",
    ]
    for name in buckets:
        minio_buckets.remove(minio_client, name, bypass_governance=True)
    minio_client.make_bucket("other")
    put(minio_client, "other", "stray", b"not in the set")
    restored(PART, minio_connection, files, taken, tmp_path)
    assert {one.name for one in minio_client.list_buckets()} == {*buckets, minio_buckets.MILVUS}
    assert minio_client.get_object(minio_buckets.MILVUS, "segment").data == b"vectors"
    assert {name: settings_of(minio_client, name) for name in buckets} == settings
    assert (dict(taken.counts), dict(taken.checksums)) == PART.summarize(minio_connection)
    assert history(minio_connection, "versions") == versions
    assert minio_client.get_object("plain", KEY).data == "😀".encode()
    found = minio_client.stat_object("plain", "described").metadata
    assert found is not None
    assert (found["x-amz-meta-owner"], found["Cache-Control"]) == ("karen", "no-cache")
    assert minio_client.get_object_tags("plain", "described") == {"colour": "red + green"}


def test_what_changes_is_told_by_the_checksum(minio_client: Minio, minio_connection: dict[str, str]) -> None:
    minio_client.make_bucket("plain")
    put(minio_client, "plain", "one", b"1", metadata={"a": "b"})
    seen = []
    for content, metadata in ((b"1", {"a": "b"}), (b"2", {"a": "b"}), (b"1", {"a": "c"}), (b"1", {"a": "b"})):
        put(minio_client, "plain", "one", content, metadata=dict(metadata))
        seen.append(PART.summarize(minio_connection)[1]["plain"])
    assert seen[0] == seen[3]
    assert len(set(seen)) == 3


@pytest.mark.parametrize("versioned", [False, True])
def test_a_set_taken_under_load_holds_its_window(
    minio_client: Minio, minio_connection: dict[str, str], tmp_path: Path, versioned: bool
) -> None:
    minio_client.make_bucket("busy")
    if versioned:
        minio_client.set_bucket_versioning("busy", VersioningConfig(ENABLED))
    for number in range(100):
        put(minio_client, "busy", f"{number:04d}", b"first")
    times: dict[str, float] = {}
    stop = threading.Event()

    def work() -> None:
        number = 100
        while not stop.is_set():
            put(minio_client, "busy", f"{number:04d}", b"later")
            times[f"{number:04d}"] = time.time()
            put(minio_client, "busy", f"{number % 100:04d}", b"changed")
            minio_client.remove_object("busy", f"{(number * 7) % 50:04d}")
            number += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        time.sleep(0.3)
        files, taken = backed_up(PART, minio_connection, tmp_path)
        time.sleep(0.2)
    finally:
        stop.set()
        thread.join()
    restored(PART, minio_connection, files, taken, tmp_path)
    keys = {key for key, _ in history(minio_connection, "busy")}
    assert {key for key, at in times.items() if at < taken.began} <= keys
    # A write was acknowledged a little after it took place.
    after = {key for key, at in times.items() if at > taken.ended + 0.1}
    assert after
    assert not after & keys

"""MinIO: of what is half, damaged or locked no set is made, and none is restored."""

from pathlib import Path

import pytest
from minio import Minio

from backup.engines.journal import EXCHANGING
from backup.engines.minio import PART
from backup.engines.minio_journal import BucketJournal
from backup.model import Taken
from init.protocol import Failure
from tests.contract.backup.minio_values import put
from tests.contract.backup.plain_files import Files, backed_up, restored, task

pytestmark = pytest.mark.contract


def test_a_load_that_is_cut_off_leaves_the_old_data(
    minio_client: Minio, minio_connection: dict[str, str], minio_set: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = minio_set
    put(minio_client, "plain", "later", b"since")
    before = PART.summarize(minio_connection)
    whole = (files.directory / "buckets/versions.tar").read_bytes()
    (files.directory / "buckets/versions.tar").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Failure, match=r"versions\.tar is not whole"):
        PART.load(minio_connection, files, taken, task(tmp_path))
    assert PART.summarize(minio_connection) == before
    with pytest.raises(Failure, match="not loaded"):
        PART.exchange(minio_connection, taken, task(tmp_path))
    PART.discard(minio_connection, task(tmp_path))
    assert not [one.name for one in minio_client.list_buckets() if one.name.startswith("karen-")]
    (files.directory / "buckets/versions.tar").write_bytes(whole)
    restored(PART, minio_connection, files, taken, tmp_path)
    assert PART.summarize(minio_connection) == (dict(taken.counts), dict(taken.checksums))


def test_a_part_that_was_changed_is_not_loaded(
    minio_client: Minio, minio_connection: dict[str, str], minio_set: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = minio_set
    path = files.directory / "buckets/versions.tar"
    path.write_bytes(path.read_bytes().replace(b"edition 1", b"edition 7"))
    with pytest.raises(Failure, match="versions is") as told:
        PART.load(minio_connection, files, taken, task(tmp_path))
    assert told.value.kind == "Mismatch"


def test_a_lock_that_nobody_may_break_is_refused_before_anything_is_removed(
    minio_client: Minio, minio_connection: dict[str, str], minio_set: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = minio_set
    minio_client.enable_object_legal_hold("locked", "contract")
    before = PART.summarize(minio_connection)
    PART.load(minio_connection, files, taken, task(tmp_path))
    with pytest.raises(Failure, match="locked/contract is locked"):
        PART.exchange(minio_connection, taken, task(tmp_path))
    assert PART.summarize(minio_connection) == before
    PART.discard(minio_connection, task(tmp_path))
    minio_client.disable_object_legal_hold("locked", "contract")


def test_a_set_is_not_taken_of_half_a_restore(
    minio_client: Minio, minio_connection: dict[str, str], minio_set: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = minio_set
    PART.load(minio_connection, files, taken, task(tmp_path))
    journal = BucketJournal(minio_client)
    restore = journal.loaded(task(tmp_path).set_id)
    restore.state, restore.touched = EXCHANGING, True
    journal.write(restore)
    with pytest.raises(Failure, match="is not finished"):
        backed_up(PART, minio_connection, tmp_path)
    with pytest.raises(Failure, match="is not finished"):
        PART.discard(minio_connection, task(tmp_path))
    PART.exchange(minio_connection, taken, task(tmp_path))
    PART.finish(minio_connection, taken, task(tmp_path))
    backed_up(PART, minio_connection, tmp_path)

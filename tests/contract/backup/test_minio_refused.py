"""MinIO: of what is half, damaged or locked no set is made, and none is restored."""

from pathlib import Path

import pytest
from minio import Minio

from backup.engines import minio_journal as journals
from backup.engines.minio import PART
from backup.model import Taken
from init.protocol import Failure
from tests.contract.backup.minio_values import emptied, fill, put
from tests.contract.backup.plain_files import Files, backed_up, restored, task

pytestmark = pytest.mark.contract


@pytest.fixture
def connection(minio_connection: dict[str, str]) -> dict[str, str]:
    return minio_connection


@pytest.fixture
def client(connection: dict[str, str]) -> Minio:
    return emptied(connection)


@pytest.fixture
def filled(client: Minio, connection: dict[str, str], tmp_path: Path) -> tuple[Files, Taken]:
    fill(client)
    return backed_up(PART, connection, tmp_path)


def test_a_load_that_is_cut_off_leaves_the_old_data(
    client: Minio, connection: dict[str, str], filled: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = filled
    put(client, "plain", "later", b"since")
    before = PART.summarize(connection)
    whole = (files.directory / "buckets/versions.tar").read_bytes()
    (files.directory / "buckets/versions.tar").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Failure, match=r"versions\.tar is not whole"):
        PART.load(connection, files, taken, task(tmp_path))
    assert PART.summarize(connection) == before
    with pytest.raises(Failure, match="not loaded"):
        PART.exchange(connection, taken, task(tmp_path))
    PART.discard(connection, task(tmp_path))
    assert not [one.name for one in client.list_buckets() if one.name.startswith("karen-")]
    (files.directory / "buckets/versions.tar").write_bytes(whole)
    restored(PART, connection, files, taken, tmp_path)
    assert PART.summarize(connection) == (dict(taken.counts), dict(taken.checksums))


def test_a_part_that_was_changed_is_not_loaded(
    client: Minio, connection: dict[str, str], filled: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = filled
    path = files.directory / "buckets/versions.tar"
    path.write_bytes(path.read_bytes().replace(b"edition 1", b"edition 7"))
    with pytest.raises(Failure, match="versions is") as told:
        PART.load(connection, files, taken, task(tmp_path))
    assert told.value.kind == "Mismatch"


def test_a_lock_that_nobody_may_break_is_refused_before_anything_is_removed(
    client: Minio, connection: dict[str, str], filled: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = filled
    client.enable_object_legal_hold("locked", "contract")
    before = PART.summarize(connection)
    PART.load(connection, files, taken, task(tmp_path))
    with pytest.raises(Failure, match="locked/contract is locked"):
        PART.exchange(connection, taken, task(tmp_path))
    assert PART.summarize(connection) == before
    PART.discard(connection, task(tmp_path))
    client.disable_object_legal_hold("locked", "contract")


def test_a_set_is_not_taken_of_half_a_restore(
    client: Minio, connection: dict[str, str], filled: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = filled
    PART.load(connection, files, taken, task(tmp_path))
    journal = journals.read(client)
    assert journal is not None
    journal.state, journal.touched = journals.EXCHANGING, True
    journals.write(client, journal)
    with pytest.raises(Failure, match="is not finished"):
        backed_up(PART, connection, tmp_path)
    with pytest.raises(Failure, match="is not finished"):
        PART.discard(connection, task(tmp_path))
    PART.exchange(connection, taken, task(tmp_path))
    PART.finish(connection, taken, task(tmp_path))
    backed_up(PART, connection, tmp_path)

"""MinIO: a restore that is killed before any of its requests leaves the old data, or is completed by doing the step again."""

from itertools import count
from pathlib import Path

import pytest
from minio import Minio
from minio.commonconfig import ENABLED
from minio.versioningconfig import VersioningConfig

from backup.engines.minio import PART
from backup.model import Taken
from init.engines.minio_buckets import MILVUS
from tests.contract.backup.killing import killed
from tests.contract.backup.minio_values import put
from tests.contract.backup.plain_files import Files, backed_up, task

pytestmark = pytest.mark.contract
EVERY_STEP = pytest.param(1, marks=pytest.mark.full)


@pytest.fixture
def changed(minio_client: Minio, minio_connection: dict[str, str], tmp_path: Path) -> tuple[Files, Taken]:
    """A set of two buckets; since then, one of them was changed, and another one was made."""
    for name in ("plain", "versions"):
        minio_client.make_bucket(name)
    minio_client.set_bucket_versioning("versions", VersioningConfig(ENABLED))
    put(minio_client, "plain", "one", b"1")
    put(minio_client, "versions", "book", b"first edition")
    minio_client.remove_object("versions", "book")
    put(minio_client, "versions", "book", b"second edition")
    taken = backed_up(PART, minio_connection, tmp_path)
    put(minio_client, "plain", "two", b"since")
    minio_client.make_bucket("other")
    put(minio_client, "other", "three", b"since")
    return taken


@pytest.mark.parametrize("stride", [7, EVERY_STEP])
def test_a_killed_load_leaves_the_old_data(
    minio_connection: dict[str, str], changed: tuple[Files, Taken], tmp_path: Path, stride: int
) -> None:
    files, taken = changed
    before = PART.summarize(minio_connection)
    for request in count(0, stride):
        work = lambda: PART.load(minio_connection, files, taken, task(tmp_path))  # noqa: E731
        if not killed(work, Minio, "_execute", request):
            break
        assert PART.summarize(minio_connection) == before
    assert request > stride
    PART.exchange(minio_connection, taken, task(tmp_path))
    PART.finish(minio_connection, taken, task(tmp_path))
    assert PART.summarize(minio_connection) == (dict(taken.counts), dict(taken.checksums))


@pytest.mark.parametrize("stride", [7, EVERY_STEP])
def test_a_killed_exchange_and_a_killed_end_are_taken_up(
    minio_client: Minio, minio_connection: dict[str, str], changed: tuple[Files, Taken], tmp_path: Path, stride: int
) -> None:
    files, taken = changed

    def exchange_and_finish() -> None:
        PART.exchange(minio_connection, taken, task(tmp_path))
        PART.finish(minio_connection, taken, task(tmp_path))

    for request in count(0, stride):
        put(minio_client, "plain", "two", b"since")
        PART.load(minio_connection, files, taken, task(tmp_path))
        was_killed = killed(exchange_and_finish, Minio, "_execute", request)
        # A finish that was done, or all but done, finds nothing left to do.
        if not was_killed or not [one for one in minio_client.list_buckets() if one.name.endswith("-journal")]:
            break
        exchange_and_finish()
        assert PART.summarize(minio_connection) == (dict(taken.counts), dict(taken.checksums))
        assert {one.name for one in minio_client.list_buckets()} == {"plain", "versions", MILVUS}
    assert request > stride

"""Elasticsearch: of what is half, damaged or full no set is made, and none is restored."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from backup.engines.elasticsearch import PART
from backup.model import Taken
from init.engines import elasticsearch_wipe
from init.protocol import Failure
from tests.contract.backup.elasticsearch_server import Staged
from tests.contract.backup.elasticsearch_values import ONE, fill, states
from tests.contract.backup.plain_files import Files, backed_up, task
from tests.contract.servers import PASSWORD

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


@pytest.fixture
def connection(staged_elasticsearch: Staged) -> dict[str, str]:
    return dict(staged_elasticsearch.connection)


@pytest.fixture
def client(connection: dict[str, str]) -> Iterator[Elasticsearch]:
    """A client of the server, which is empty."""
    with Elasticsearch(connection["url"], basic_auth=("elastic", PASSWORD), request_timeout=60) as client:
        elasticsearch_wipe.wipe(client)
        yield client


@pytest.fixture
def filled(client: Elasticsearch, connection: dict[str, str], tmp_path: Path) -> tuple[Files, Taken]:
    fill(client)
    return backed_up(PART, connection, tmp_path)


def test_what_a_killed_job_has_left_is_swept(
    client: Elasticsearch, connection: dict[str, str], staged_elasticsearch: Staged, tmp_path: Path
) -> None:
    fill(client)
    client.snapshot.create_repository(
        name="karen-backup",
        repository={"type": "fs", "settings": {"location": f"{connection['repository']}/sets/current"}},
    )
    client.snapshot.create(repository="karen-backup", snapshot="left", wait_for_completion=False)
    client.indices.create(index="karen-check-0007", settings={**ONE, "hidden": True})
    files, taken = backed_up(PART, connection, tmp_path)
    assert "karen-check-0007" not in taken.details["indices"]
    with tarfile.open(files.directory / "repository.tar") as members:
        assert len([one for one in members.getnames() if one.startswith("snap-")]) == 1
    assert client.snapshot.get_repository().body == {}
    assert not client.indices.get(index="karen-*", expand_wildcards="all").body


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_load_of_what_is_not_whole_leaves_the_old_data(
    client: Elasticsearch, connection: dict[str, str], filled: tuple[Files, Taken], tmp_path: Path, damage: str
) -> None:
    files, taken = filled
    path = files.directory / "repository.tar"
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    else:
        with tarfile.open(path) as archive:
            # The largest file is of a segment.
            place = max(archive.getmembers(), key=lambda one: one.size).offset_data + 100
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    before = states(client)
    with pytest.raises(Failure):
        PART.load(connection, files, taken, task(tmp_path))
    assert states(client).keys() - before.keys() <= {"karen-restoring-0000"}
    with pytest.raises(Failure, match="is not loaded"):
        PART.exchange(connection, taken, task(tmp_path))
    PART.discard(connection, task(tmp_path))
    assert states(client) == before


def test_a_full_disk_and_a_broken_index_make_no_set(
    client: Elasticsearch, connection: dict[str, str], tmp_path: Path
) -> None:
    client.indices.create(index="flooded", settings=ONE)
    client.indices.put_settings(index="flooded", settings={"index.blocks.read_only_allow_delete": True})
    with pytest.raises(Failure, match="flood-stage") as told:
        backed_up(PART, connection, tmp_path)
    assert told.value.kind == "DiskFull"
    client.indices.delete(index="flooded")
    client.indices.create(
        index="red", settings={**ONE, "routing.allocation.require._name": "nobody"}, wait_for_active_shards=0
    )
    with pytest.raises(Failure, match="red is not whole"):
        backed_up(PART, connection, tmp_path)


def test_a_set_is_not_taken_of_half_a_restore(
    client: Elasticsearch,
    connection: dict[str, str],
    filled: tuple[Files, Taken],
    staged_elasticsearch: Staged,
    tmp_path: Path,
) -> None:
    files, taken = filled
    PART.load(connection, files, taken, task(tmp_path))
    journal = staged_elasticsearch.staging / "restores" / "journal.json"
    journal.write_text(json.dumps({**json.loads(journal.read_text()), "state": "exchanging", "touched": True}))
    for work in (
        lambda: backed_up(PART, connection, tmp_path),
        lambda: PART.discard(connection, task(tmp_path)),
        lambda: PART.finish(connection, taken, task(tmp_path)),
    ):
        with pytest.raises(Failure, match="is not finished"):
            work()
    PART.exchange(connection, taken, task(tmp_path))
    PART.finish(connection, taken, task(tmp_path))
    backed_up(PART, connection, tmp_path)


def test_a_repository_that_cannot_be_written_makes_no_set(
    client: Elasticsearch, connection: dict[str, str], staged_elasticsearch: Staged, tmp_path: Path
) -> None:
    client.indices.create(index="books", settings=ONE)
    client.index(index="books", id="1", document={"a": 1})
    backed_up(PART, connection, tmp_path)
    directory = staged_elasticsearch.staging / "sets" / "current" / "indices"
    directory.chmod(0o555)
    try:
        with pytest.raises(Failure) as told:
            backed_up(PART, connection, tmp_path)
    finally:
        directory.chmod(0o755)
    assert told.value.kind == "SnapshotFailed", told.value.message
    _, taken = backed_up(PART, connection, tmp_path)
    assert taken.counts == {"books": 1}

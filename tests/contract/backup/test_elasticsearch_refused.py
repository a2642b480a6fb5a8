"""Elasticsearch: of what is half, damaged or full no set is made, and none is restored."""

import json
import tarfile
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from backup.engines.elasticsearch import PART
from backup.model import Taken
from init.protocol import Failure
from tests.contract.backup.elasticsearch_values import ONE, fill, states
from tests.contract.backup.plain_files import Files, backed_up, task

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


def test_what_a_killed_job_has_left_is_swept(
    elasticsearch_client: Elasticsearch,
    elasticsearch_connection: dict[str, str],
    staging: Path,
    tmp_path: Path,
) -> None:
    fill(elasticsearch_client)
    elasticsearch_client.snapshot.create_repository(
        name="karen-backup",
        repository={"type": "fs", "settings": {"location": f"{elasticsearch_connection['repository']}/sets/current"}},
    )
    elasticsearch_client.snapshot.create(repository="karen-backup", snapshot="left", wait_for_completion=False)
    elasticsearch_client.indices.create(index="karen-check-0007", settings={**ONE, "hidden": True})
    files, taken = backed_up(PART, elasticsearch_connection, tmp_path)
    assert "karen-check-0007" not in taken.details["indices"]
    with tarfile.open(files.directory / "repository.tar") as members:
        assert len([one for one in members.getnames() if one.startswith("snap-")]) == 1
    assert elasticsearch_client.snapshot.get_repository().body == {}
    assert not elasticsearch_client.indices.get(index="karen-*", expand_wildcards="all").body


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_load_of_what_is_not_whole_leaves_the_old_data(
    elasticsearch_client: Elasticsearch,
    elasticsearch_connection: dict[str, str],
    elasticsearch_set: tuple[Files, Taken],
    tmp_path: Path,
    damage: str,
) -> None:
    files, taken = elasticsearch_set
    path = files.directory / "repository.tar"
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    else:
        with tarfile.open(path) as archive:
            # The largest file is of a segment.
            place = max(archive.getmembers(), key=lambda one: one.size).offset_data + 100
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    before = states(elasticsearch_client)
    with pytest.raises(Failure):
        PART.load(elasticsearch_connection, files, taken, task(tmp_path))
    assert states(elasticsearch_client).keys() - before.keys() <= {"karen-restoring-0000"}
    with pytest.raises(Failure, match="is not loaded"):
        PART.exchange(elasticsearch_connection, taken, task(tmp_path))
    PART.discard(elasticsearch_connection, task(tmp_path))
    assert states(elasticsearch_client) == before


def test_a_full_disk_and_a_broken_index_make_no_set(
    elasticsearch_client: Elasticsearch, elasticsearch_connection: dict[str, str], tmp_path: Path
) -> None:
    elasticsearch_client.indices.create(index="flooded", settings=ONE)
    elasticsearch_client.indices.put_settings(index="flooded", settings={"index.blocks.read_only_allow_delete": True})
    with pytest.raises(Failure, match="flood-stage") as told:
        backed_up(PART, elasticsearch_connection, tmp_path)
    assert told.value.kind == "DiskFull"
    elasticsearch_client.indices.delete(index="flooded")
    elasticsearch_client.indices.create(
        index="red", settings={**ONE, "routing.allocation.require._name": "nobody"}, wait_for_active_shards=0
    )
    with pytest.raises(Failure, match="red is not whole"):
        backed_up(PART, elasticsearch_connection, tmp_path)


def test_a_set_is_not_taken_of_half_a_restore(
    elasticsearch_client: Elasticsearch,
    elasticsearch_connection: dict[str, str],
    elasticsearch_set: tuple[Files, Taken],
    staging: Path,
    tmp_path: Path,
) -> None:
    files, taken = elasticsearch_set
    PART.load(elasticsearch_connection, files, taken, task(tmp_path))
    journal = staging / "restores" / "journal.json"
    journal.write_text(json.dumps({**json.loads(journal.read_text()), "state": "exchanging", "touched": True}))
    for work in (
        lambda: backed_up(PART, elasticsearch_connection, tmp_path),
        lambda: PART.discard(elasticsearch_connection, task(tmp_path)),
        lambda: PART.finish(elasticsearch_connection, taken, task(tmp_path)),
    ):
        with pytest.raises(Failure, match="is not finished"):
            work()
    PART.exchange(elasticsearch_connection, taken, task(tmp_path))
    PART.finish(elasticsearch_connection, taken, task(tmp_path))
    backed_up(PART, elasticsearch_connection, tmp_path)


def test_a_repository_that_cannot_be_written_makes_no_set(
    elasticsearch_client: Elasticsearch,
    elasticsearch_connection: dict[str, str],
    staging: Path,
    tmp_path: Path,
) -> None:
    elasticsearch_client.indices.create(index="books", settings=ONE)
    elasticsearch_client.index(index="books", id="1", document={"a": 1})
    backed_up(PART, elasticsearch_connection, tmp_path)
    directory = staging / "sets" / "current" / "indices"
    directory.chmod(0o555)
    try:
        with pytest.raises(Failure) as told:
            backed_up(PART, elasticsearch_connection, tmp_path)
    finally:
        directory.chmod(0o755)
    assert told.value.kind == "SnapshotFailed", told.value.message
    _, taken = backed_up(PART, elasticsearch_connection, tmp_path)
    assert taken.counts == {"books": 1}

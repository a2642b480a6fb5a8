"""Elasticsearch's part of a set: every kind of index comes back as it was, and nobody's password."""

import io
import json
import tarfile
import threading
import time
from pathlib import Path

import pytest
from elasticsearch import AuthenticationException, Elasticsearch

from backup.engines.elasticsearch import PART
from backup.model import Taken
from tests.contract.backup.elasticsearch_values import MAPPINGS, ONE, VALUES, contents, fill, remove, states
from tests.contract.backup.plain_files import Files, backed_up, restored

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


def test_everything_comes_back_as_it_was_but_nobodys_password(
    elasticsearch_client: Elasticsearch,
    elasticsearch_connection: dict[str, str],
    staging: Path,
    tmp_path: Path,
) -> None:
    elasticsearch_client.security.put_user(username="source", password="source-password", roles=["superuser"])
    fill(elasticsearch_client)
    files, taken = backed_up(PART, elasticsearch_connection, tmp_path)
    elasticsearch_client.security.delete_user(username="source")
    assert files.names == ("extras.json", "repository.tar")
    assert taken.counts == {"books_v001": 21, "empty": 0, "bare": 1, "hidden": 1, "blocked": 1}
    assert set(taken.details["unreadable"]) == {"shut", "unreadable"}
    assert PART.summarize(elasticsearch_connection) == (taken.counts, taken.checksums)
    before, texts = states(elasticsearch_client), contents(elasticsearch_client, "books_v001")
    assert texts["routed"] == VALUES
    remove(elasticsearch_client)
    # Names of the target are in the way of the set's, as an index and as an alias.
    elasticsearch_client.indices.create(index="books", settings=ONE)
    elasticsearch_client.indices.create(index="other", settings=ONE, aliases={"empty": {}})
    restored(PART, elasticsearch_connection, files, taken, tmp_path)
    assert states(elasticsearch_client) == before
    assert contents(elasticsearch_client, "books_v001") == texts
    assert PART.summarize(elasticsearch_connection) == (taken.counts, taken.checksums)
    elasticsearch_client.index(index="books", id="new", document={"number": 1})
    elasticsearch_client.indices.create(index="notes-1")
    assert (
        elasticsearch_client.indices.get_settings(index="notes-1")["notes-1"]["settings"]["index"]["number_of_replicas"]
        == "0"
    )
    assert elasticsearch_client.ingest.get_pipeline(id="stamp")["stamp"]["processors"][0]["set"]["field"] == "stamped"
    assert elasticsearch_client.get_script(id="twice")["script"]["source"] == "params.a * 2"
    stranger = elasticsearch_client.options(basic_auth=("source", "source-password"))
    with pytest.raises(AuthenticationException):
        stranger.info()
    assert elasticsearch_client.snapshot.get_repository().body == {}
    assert list((staging / "restores").iterdir()) == []


def test_the_servers_own_indices_are_not_in_the_set_and_its_disk_is_given_back(
    elasticsearch_set: tuple[Files, Taken], staging: Path
) -> None:
    files, taken = elasticsearch_set
    assert not [name for name in taken.details["indices"] if "security" in name]
    archive = (files.directory / "repository.tar").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        listed = [members.extractfile(one) for one in members if one.name.startswith("index-")]
        assert listed[0]
        assert sorted(json.loads(listed[0].read())["indices"]) == taken.details["indices"]
    left = [path for path in (staging / "sets").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in left) < 1000
    assert len(left) == 2


def test_what_changes_is_told_by_the_checksum(
    elasticsearch_client: Elasticsearch, elasticsearch_connection: dict[str, str]
) -> None:
    elasticsearch_client.indices.create(index="notes", settings=ONE, mappings=MAPPINGS)
    seen = []
    for document, routing in ((VALUES, "a"), ({**VALUES, "number": 2}, "a"), (VALUES, "b"), (VALUES, "a")):
        elasticsearch_client.index(index="notes", id="1", routing=routing, document=document)
        seen.append(PART.summarize(elasticsearch_connection)[1]["notes"])
    assert seen[0] == seen[3]
    assert len(set(seen)) == 3


def test_a_set_taken_under_load_holds_its_window(
    elasticsearch_client: Elasticsearch, elasticsearch_connection: dict[str, str], tmp_path: Path
) -> None:
    elasticsearch_client.indices.create(index="busy", settings=ONE)
    elasticsearch_client.indices.create(index="quiet", settings=ONE)
    elasticsearch_client.index(index="quiet", id="1", document={"a": 1})
    written: list[tuple[str, float, float]] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            began = time.time()
            elasticsearch_client.index(index="busy", id=str(len(written)), document={"n": len(written)})
            written.append((str(len(written)), began, time.time()))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        time.sleep(0.5)
        files, taken = backed_up(PART, elasticsearch_connection, tmp_path)
        time.sleep(0.2)
    finally:
        stop.set()
        thread.join()
    assert taken.counts["quiet"] == 1
    restored(PART, elasticsearch_connection, files, taken, tmp_path)
    elasticsearch_client.indices.refresh(index="busy")
    there = {hit["_id"] for hit in elasticsearch_client.search(index="busy", size=10_000, source=False)["hits"]["hits"]}
    assert len(there) == taken.counts["busy"]
    assert {name for name, _, acknowledged in written if acknowledged < taken.began} <= there
    after = {name for name, began, _ in written if began > taken.ended}
    assert after
    assert not after & there


def test_documents_of_any_size_are_summed_alike_wherever_they_are(
    elasticsearch_client: Elasticsearch, elasticsearch_connection: dict[str, str], tmp_path: Path
) -> None:
    elasticsearch_client.indices.create(index="large", settings=ONE, mappings={"dynamic": False})
    for megabytes in (6, 1, 3, 0, 2):
        document = {"text": "ü" * 500_000 * megabytes, "numbers": [0.5] * 100_000 * megabytes, "n": megabytes}
        elasticsearch_client.index(index="large", id=str(megabytes), document=document)
        for number in range(50):
            elasticsearch_client.index(index="large", id=f"{megabytes}-{number}", document={"n": number})
    files, taken = backed_up(PART, elasticsearch_connection, tmp_path)
    assert taken.counts == {"large": 255}
    assert PART.summarize(elasticsearch_connection) == (taken.counts, taken.checksums)
    restored(PART, elasticsearch_connection, files, taken, tmp_path)
    elasticsearch_client.index(index="large", id="6", document={"text": "another one"})
    assert PART.summarize(elasticsearch_connection)[1] != taken.checksums


def test_an_empty_server_is_a_set_as_well(
    elasticsearch_client: Elasticsearch, elasticsearch_connection: dict[str, str], tmp_path: Path
) -> None:
    files, taken = backed_up(PART, elasticsearch_connection, tmp_path)
    assert taken.counts == {}
    elasticsearch_client.indices.create(index="other", settings=ONE)
    restored(PART, elasticsearch_connection, files, taken, tmp_path)
    assert PART.summarize(elasticsearch_connection) == ({}, {})

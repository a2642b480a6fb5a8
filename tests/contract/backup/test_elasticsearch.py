"""Elasticsearch's part of a set: every kind of index comes back as it was, and nobody's password."""

import io
import json
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import AuthenticationException, Elasticsearch

from backup.engines.elasticsearch import PART
from backup.model import Taken
from init.engines import elasticsearch_wipe
from tests.contract.backup.elasticsearch_server import Staged
from tests.contract.backup.elasticsearch_values import MAPPINGS, ONE, VALUES, contents, fill, states
from tests.contract.backup.plain_files import Files, backed_up, restored
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


def test_everything_comes_back_as_it_was_but_nobodys_password(
    client: Elasticsearch, connection: dict[str, str], staged_elasticsearch: Staged, tmp_path: Path
) -> None:
    client.security.put_user(username="source", password="source-password", roles=["superuser"])
    fill(client)
    files, taken = backed_up(PART, connection, tmp_path)
    client.security.delete_user(username="source")
    assert files.names == ("extras.json", "repository.tar")
    assert taken.counts == {"books_v001": 21, "empty": 0, "bare": 1, "hidden": 1, "blocked": 1}
    assert set(taken.details["unreadable"]) == {"shut", "unreadable"}
    assert PART.summarize(connection) == (taken.counts, taken.checksums)
    before, texts = states(client), contents(client, "books_v001")
    assert texts["routed"] == VALUES
    elasticsearch_wipe.wipe(client)
    client.indices.delete_index_template(name="notes")
    client.cluster.delete_component_template(name="one-shard")
    client.ingest.delete_pipeline(id="stamp")
    client.delete_script(id="twice")
    # Names of the target are in the way of the set's, as an index and as an alias.
    client.indices.create(index="books", settings=ONE)
    client.indices.create(index="other", settings=ONE, aliases={"empty": {}})
    restored(PART, connection, files, taken, tmp_path)
    assert states(client) == before
    assert contents(client, "books_v001") == texts
    assert PART.summarize(connection) == (taken.counts, taken.checksums)
    client.index(index="books", id="new", document={"number": 1})
    client.indices.create(index="notes-1")
    assert client.indices.get_settings(index="notes-1")["notes-1"]["settings"]["index"]["number_of_replicas"] == "0"
    assert client.ingest.get_pipeline(id="stamp")["stamp"]["processors"][0]["set"]["field"] == "stamped"
    assert client.get_script(id="twice")["script"]["source"] == "params.a * 2"
    stranger = client.options(basic_auth=("source", "source-password"))
    with pytest.raises(AuthenticationException):
        stranger.info()
    assert client.snapshot.get_repository().body == {}
    assert list((staged_elasticsearch.staging / "restores").iterdir()) == []


def test_the_servers_own_indices_are_not_in_the_set_and_its_disk_is_given_back(
    filled: tuple[Files, Taken], staged_elasticsearch: Staged
) -> None:
    files, taken = filled
    assert not [name for name in taken.details["indices"] if "security" in name]
    archive = (files.directory / "repository.tar").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        listed = [members.extractfile(one) for one in members if one.name.startswith("index-")]
        assert listed[0]
        assert sorted(json.loads(listed[0].read())["indices"]) == taken.details["indices"]
    left = [path for path in (staged_elasticsearch.staging / "sets").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in left) < 1000
    assert len(left) == 2


def test_what_changes_is_told_by_the_checksum(client: Elasticsearch, connection: dict[str, str]) -> None:
    client.indices.create(index="notes", settings=ONE, mappings=MAPPINGS)
    seen = []
    for document, routing in ((VALUES, "a"), ({**VALUES, "number": 2}, "a"), (VALUES, "b"), (VALUES, "a")):
        client.index(index="notes", id="1", routing=routing, document=document)
        seen.append(PART.summarize(connection)[1]["notes"])
    assert seen[0] == seen[3]
    assert len(set(seen)) == 3


def test_a_set_taken_under_load_holds_its_window(
    client: Elasticsearch, connection: dict[str, str], tmp_path: Path
) -> None:
    client.indices.create(index="busy", settings=ONE)
    client.indices.create(index="quiet", settings=ONE)
    client.index(index="quiet", id="1", document={"a": 1})
    written: list[tuple[str, float, float]] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            began = time.time()
            client.index(index="busy", id=str(len(written)), document={"n": len(written)})
            written.append((str(len(written)), began, time.time()))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        time.sleep(0.5)
        files, taken = backed_up(PART, connection, tmp_path)
        time.sleep(0.2)
    finally:
        stop.set()
        thread.join()
    assert taken.counts["quiet"] == 1
    restored(PART, connection, files, taken, tmp_path)
    client.indices.refresh(index="busy")
    there = {hit["_id"] for hit in client.search(index="busy", size=10_000, source=False)["hits"]["hits"]}
    assert len(there) == taken.counts["busy"]
    assert {name for name, _, acknowledged in written if acknowledged < taken.began} <= there
    after = {name for name, began, _ in written if began > taken.ended}
    assert after
    assert not after & there


def test_documents_of_any_size_are_summed_alike_wherever_they_are(
    client: Elasticsearch, connection: dict[str, str], tmp_path: Path
) -> None:
    client.indices.create(index="large", settings=ONE, mappings={"dynamic": False})
    for megabytes in (6, 1, 3, 0, 2):
        document = {"text": "ü" * 500_000 * megabytes, "numbers": [0.5] * 100_000 * megabytes, "n": megabytes}
        client.index(index="large", id=str(megabytes), document=document)
        for number in range(50):
            client.index(index="large", id=f"{megabytes}-{number}", document={"n": number})
    files, taken = backed_up(PART, connection, tmp_path)
    assert taken.counts == {"large": 255}
    assert PART.summarize(connection) == (taken.counts, taken.checksums)
    restored(PART, connection, files, taken, tmp_path)
    client.index(index="large", id="6", document={"text": "another one"})
    assert PART.summarize(connection)[1] != taken.checksums


def test_an_empty_server_is_a_set_as_well(client: Elasticsearch, connection: dict[str, str], tmp_path: Path) -> None:
    files, taken = backed_up(PART, connection, tmp_path)
    assert taken.counts == {}
    client.indices.create(index="other", settings=ONE)
    restored(PART, connection, files, taken, tmp_path)
    assert PART.summarize(connection) == ({}, {})

"""Elasticsearch: a restore that is killed before any of its requests leaves the old data, or is completed by doing it again."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from elastic_transport import Transport
from elasticsearch import Elasticsearch

from backup.engines.elasticsearch import PART
from backup.model import Taken
from init.engines import elasticsearch_wipe
from tests.contract.backup.elasticsearch_server import Staged
from tests.contract.backup.killing import killed
from tests.contract.backup.plain_files import Files, backed_up, task
from tests.contract.servers import PASSWORD

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]
EVERY_STEP = pytest.param(1, marks=pytest.mark.full)
ONE = {"number_of_shards": 1, "number_of_replicas": 0}


@pytest.fixture
def connection(staged_elasticsearch: Staged) -> dict[str, str]:
    return dict(staged_elasticsearch.connection)


@pytest.fixture
def client(connection: dict[str, str]) -> Iterator[Elasticsearch]:
    with Elasticsearch(connection["url"], basic_auth=("elastic", PASSWORD), request_timeout=60) as client:
        elasticsearch_wipe.wipe(client)
        yield client


@pytest.fixture
def filled(client: Elasticsearch, connection: dict[str, str], tmp_path: Path) -> tuple[Files, Taken]:
    """A set of two indices; since then, one of them was changed, and another one was made."""
    for name in ("books", "readers"):
        client.indices.create(index=name, settings=ONE, aliases={f"all-{name}": {}})
        client.index(index=name, id="1", document={"of": name})
    client.ingest.put_pipeline(id="stamp", processors=[{"set": {"field": "stamped", "value": True}}])
    taken = backed_up(PART, connection, tmp_path)
    client.index(index="books", id="2", document={"since": True})
    client.indices.create(index="other", settings=ONE)
    return taken


@pytest.mark.parametrize("stride", [12, EVERY_STEP])
def test_a_killed_load_leaves_the_old_data(
    client: Elasticsearch,
    connection: dict[str, str],
    filled: tuple[Files, Taken],
    staged_elasticsearch: Staged,
    tmp_path: Path,
    stride: int,
) -> None:
    files, taken = filled
    before = PART.summarize(connection)[1]

    def load() -> None:
        PART.load(connection, files, taken, task(tmp_path))

    for request in count(0, stride):
        if not killed(load, Transport, "perform_request", request):
            break
        assert PART.summarize(connection)[1] == before
    assert request > stride
    PART.discard(connection, task(tmp_path))
    assert PART.summarize(connection)[1] == before
    assert not client.indices.get(index="karen-*", expand_wildcards="all").body
    assert list((staged_elasticsearch.staging / "restores").iterdir()) == []


@pytest.mark.parametrize("stride", [8, EVERY_STEP])
def test_a_killed_exchange_and_a_killed_end_are_taken_up(
    client: Elasticsearch,
    connection: dict[str, str],
    filled: tuple[Files, Taken],
    staged_elasticsearch: Staged,
    tmp_path: Path,
    stride: int,
) -> None:
    files, taken = filled

    def exchange_and_finish() -> None:
        PART.exchange(connection, taken, task(tmp_path))
        PART.finish(connection, taken, task(tmp_path))

    for request in count(0, stride):
        client.index(index="books", id="2", document={"since": True})
        client.options(ignore_status=400).indices.create(index="other", settings=ONE)
        PART.load(connection, files, taken, task(tmp_path))
        was_killed = killed(exchange_and_finish, Transport, "perform_request", request)
        if was_killed:
            assert (staged_elasticsearch.staging / "restores" / "journal.json").exists()
            exchange_and_finish()
        assert PART.summarize(connection) == (taken.counts, taken.checksums)
        assert list(client.indices.get_alias(name="all-books")) == ["books"]
        assert client.snapshot.get_repository().body == {}
        client.index(index="readers", id="2", document={"writes": "are let in again"})
        if not was_killed:
            break
    assert request > stride

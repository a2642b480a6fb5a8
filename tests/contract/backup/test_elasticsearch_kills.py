"""Elasticsearch: a restore that is killed before any of its requests leaves the old data, or is completed by doing it again."""

from itertools import count
from pathlib import Path

import pytest
from elastic_transport import Transport
from elasticsearch import Elasticsearch

from backup.engines.elasticsearch import PART
from backup.model import Taken
from tests.contract.backup.killing import killed
from tests.contract.backup.plain_files import Files, backed_up, task

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]
EVERY_STEP = pytest.param(1, marks=pytest.mark.full)
ONE = {"number_of_shards": 1, "number_of_replicas": 0}


@pytest.fixture
def changed(
    elasticsearch_client: Elasticsearch, elasticsearch_connection: dict[str, str], tmp_path: Path
) -> tuple[Files, Taken]:
    """A set of two indices; since then, one of them was changed, and another one was made."""
    for name in ("books", "readers"):
        elasticsearch_client.indices.create(index=name, settings=ONE, aliases={f"all-{name}": {}})
        elasticsearch_client.index(index=name, id="1", document={"of": name})
    elasticsearch_client.ingest.put_pipeline(id="stamp", processors=[{"set": {"field": "stamped", "value": True}}])
    taken = backed_up(PART, elasticsearch_connection, tmp_path)
    elasticsearch_client.index(index="books", id="2", document={"since": True})
    elasticsearch_client.indices.create(index="other", settings=ONE)
    return taken


@pytest.mark.parametrize("stride", [12, EVERY_STEP])
def test_a_killed_load_leaves_the_old_data(
    elasticsearch_client: Elasticsearch,
    elasticsearch_connection: dict[str, str],
    changed: tuple[Files, Taken],
    staging: Path,
    tmp_path: Path,
    stride: int,
) -> None:
    files, taken = changed
    before = PART.summarize(elasticsearch_connection)[1]

    def load() -> None:
        PART.load(elasticsearch_connection, files, taken, task(tmp_path))

    for request in count(0, stride):
        if not killed(load, Transport, "perform_request", request):
            break
        assert PART.summarize(elasticsearch_connection)[1] == before
    assert request > stride
    PART.discard(elasticsearch_connection, task(tmp_path))
    assert PART.summarize(elasticsearch_connection)[1] == before
    assert not elasticsearch_client.indices.get(index="karen-*", expand_wildcards="all").body
    assert list((staging / "restores").iterdir()) == []


@pytest.mark.parametrize("stride", [8, EVERY_STEP])
def test_a_killed_exchange_and_a_killed_end_are_taken_up(
    elasticsearch_client: Elasticsearch,
    elasticsearch_connection: dict[str, str],
    changed: tuple[Files, Taken],
    staging: Path,
    tmp_path: Path,
    stride: int,
) -> None:
    files, taken = changed

    def exchange_and_finish() -> None:
        PART.exchange(elasticsearch_connection, taken, task(tmp_path))
        PART.finish(elasticsearch_connection, taken, task(tmp_path))

    for request in count(0, stride):
        elasticsearch_client.index(index="books", id="2", document={"since": True})
        elasticsearch_client.options(ignore_status=400).indices.create(index="other", settings=ONE)
        PART.load(elasticsearch_connection, files, taken, task(tmp_path))
        was_killed = killed(exchange_and_finish, Transport, "perform_request", request)
        if was_killed:
            assert (staging / "restores" / "journal.json").exists()
            exchange_and_finish()
        assert PART.summarize(elasticsearch_connection) == (taken.counts, taken.checksums)
        assert list(elasticsearch_client.indices.get_alias(name="all-books")) == ["books"]
        assert elasticsearch_client.snapshot.get_repository().body == {}
        elasticsearch_client.index(index="readers", id="2", document={"writes": "are let in again"})
        if not was_killed:
            break
    assert request > stride

"""NDJSON into an index: what is refused is named, and so is what is in."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from init.engines.postgres_connection import Connection
from init.loading import load
from init.runner.lock import Lock
from tests.contract.containers import Contract
from tests.contract.loading.sending import SECRET, refusal, sent
from tests.contract.servers import PASSWORD

pytestmark = pytest.mark.contract
MAPPINGS = {"dynamic": "strict", "properties": {"number": {"type": "integer"}, "text": {"type": "keyword"}}}


@pytest.fixture
def elasticsearch(servers: Contract) -> Iterator[Elasticsearch]:
    address = f"http://{servers.address('elasticsearch')}:9200"
    with Elasticsearch(address, basic_auth=("elastic", PASSWORD), request_timeout=60) as client:
        if names := list(client.indices.get(index="*")):
            client.indices.delete(index=",".join(names))
        client.indices.create(
            index="notes_v001", mappings=MAPPINGS, settings={"number_of_replicas": 0}, aliases={"notes": {}}
        )
        yield client


@pytest.fixture
def documents(servers: Contract) -> dict[str, Any]:
    address = f"http://{servers.address('elasticsearch')}:9200"
    connection = {"url": address, "user": "elastic", "password": PASSWORD}
    return {"engine": "elasticsearch", "target": "notes", "connection": connection}


def counted(client: Elasticsearch) -> int:
    client.indices.refresh(index="notes")
    return int(client.count(index="notes")["count"])


def test_documents_of_one_identifier_take_each_other_s_place(
    elasticsearch: Elasticsearch, documents: dict[str, Any]
) -> None:
    data = b'{"_id": "a", "number": 1}\n\n{"number": 2}\r\n{"_id": 3, "text": "the \\"_id\\""}'
    assert load(documents, sent([data])) == {"added": 3, "replaced": 0}
    assert load(documents, sent([b'{"_id": "a", "number": 9}\n'])) == {"added": 0, "replaced": 1}
    assert counted(elasticsearch) == 3
    assert elasticsearch.get(index="notes", id="a")["_source"] == {"number": 9}


def test_documents_of_many_requests_all_arrive(elasticsearch: Elasticsearch, documents: dict[str, Any]) -> None:
    text = "x" * 3000
    lines = (f'{{"number": {n}, "text": "{text}"}}\n'.encode() for n in range(5000))
    assert load(documents, sent(lines)) == {"added": 5000, "replaced": 0}
    assert counted(elasticsearch) == 5000


@pytest.mark.parametrize(
    "line", [f'{{"number": "{SECRET}"}}', f'{{"number": 1, "{SECRET}', f'["{SECRET}"]', f'{{"_id": {{"{SECRET}": 1}}}}']
)
def test_a_refused_document_is_named_and_so_is_how_many_are_in(
    elasticsearch: Elasticsearch, documents: dict[str, Any], line: str
) -> None:
    failure = refusal(documents, [f'{{"number": 1}}\n\n{line}\n'.encode()])
    assert failure.kind == "LoadFailed"
    assert "line 3: " in failure.message
    told = int(failure.message.partition(" documents are in")[0].rpartition(" ")[2])
    assert counted(elasticsearch) == told


def test_an_index_that_is_not_there_is_not_made(elasticsearch: Elasticsearch, documents: dict[str, Any]) -> None:
    failure = refusal({**documents, "target": "new"}, [b'{"number": 1}\n'])
    assert "no index or alias 'new'; allowed: notes, notes_v001" in failure.message
    assert not elasticsearch.indices.exists(index="new")


def test_a_load_waits_for_a_migration_of_an_engine_without_transactions(
    elasticsearch: Elasticsearch, documents: dict[str, Any], postgres: Connection, credentials: dict[str, Any]
) -> None:
    with Lock(postgres, "elasticsearch").held():
        request = {**documents, "coordination": credentials}
        loading = threading.Thread(target=load, args=(request, sent([b'{"number": 1}\n'])))
        loading.start()
        time.sleep(1)
        assert counted(elasticsearch) == 0
    loading.join(30)
    assert counted(elasticsearch) == 1

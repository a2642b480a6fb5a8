"""Probes where somebody else empties the engine: they make nothing. And a password that is wrong is told in time."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import MagicMock

import pytest

from init.engines import elasticsearch, load
from init.engines.base import PATIENCE_SECONDS, set_patience
from init.engines.elasticsearch_ledger import Ledger
from init.engines.postgres_connection import connect
from init.protocol import Failure
from monitor.record import LIMITS


def test_elasticsearch_makes_no_index_in_place_of_one_that_was_deleted() -> None:
    client = MagicMock()
    mapping = client.options.return_value.indices.get_mapping
    ledger = Ledger(client, lambda attempt: attempt())
    mapping.return_value = {"ai_karen_migrations": {"mappings": {"properties": {"state": {}}}}}
    client.bulk.return_value = {"errors": False}
    ledger.probe()
    assert client.bulk.call_count == 1
    mapping.return_value = {"error": {}, "status": 404}
    ledger.probe()
    assert client.bulk.call_count == 1


@pytest.mark.parametrize("must_exist", [True, False])
def test_minio_makes_its_bucket_only_where_it_may(must_exist: bool) -> None:
    driver: Any = load("minio")
    driver._client, driver._must_exist = MagicMock(), must_exist
    driver._client.bucket_exists.return_value = False
    # What is read is not what was written: nothing answers here.
    with nullcontext() if must_exist else pytest.raises(Failure):
        driver.probe()
    assert driver._client.make_bucket.called is not must_exist


@contextmanager
def refusing() -> Iterator[str]:
    """An Elasticsearch that refuses every password."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_who_has_little_patience_believes_a_refusal_soon() -> None:
    set_patience(1.0)
    began = time.monotonic()
    try:
        with refusing() as url, pytest.raises(Failure) as failure:
            elasticsearch.Driver().connect({"url": url, "user": "karen", "password": "wrong"})
    finally:
        set_patience(PATIENCE_SECONDS)
    assert failure.value.kind == "AuthenticationFailed"
    # The monitor takes what has not answered in three seconds for one that hangs.
    assert time.monotonic() - began < 2.5


def test_the_limits_of_a_connection_reach_the_client_library(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr("psycopg.connect", lambda **found: given.update(found))
    where = {"host": "h", "port": 1, "user": "u", "password": "p", "database": "d"}
    connect(where, limits=LIMITS)
    assert given.items() >= {**LIMITS, "connect_timeout": 5}.items()
    given.clear()
    connect(where)
    assert not given.keys() & LIMITS.keys()

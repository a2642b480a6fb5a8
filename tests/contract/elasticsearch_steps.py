"""An index and its change by copy, as migrations; executed here, or by a runner that is killed before its n-th step."""

import itertools
import json
import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from elasticsearch import AuthorizationException, Elasticsearch

from init.engines.base import Work
from init.engines.elasticsearch import Driver
from init.migrations import LedgerEntry, Options, Script
from tests.contract.servers import PASSWORD

ALIAS, OLD, NEW = "ai_karen_notes", "ai_karen_notes_v001", "ai_karen_notes_v002"
SETTINGS = {"number_of_shards": 1, "number_of_replicas": 0}
VECTOR = {"type": "dense_vector", "dims": 8, "index": True, "similarity": "cosine"}
OLD_FIELDS = {"text": {"type": "text"}, "number": {"type": "keyword"}, "vector": VECTOR}
NEW_FIELDS = {**OLD_FIELDS, "text": {"type": "text", "fields": {"exact": {"type": "keyword"}}}}
CONFLICTING_FIELDS = {**OLD_FIELDS, "number": {"type": "long"}}
_MIGRATIONS = {"001_notes": "1" * 64, "002_notes": "2" * 64}


def definition(index: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    mappings = {"dynamic": False, "properties": fields}
    return {"index": index, "alias": ALIAS, "settings": SETTINGS, "mappings": mappings, **more}


def script(name: str, *, timeout: float | None = None, **content: Any) -> Script:
    return Script(f"{name}.json", json.dumps(content), Options(timeout=timeout))


FIRST = script("001_notes", indices=[definition(OLD, OLD_FIELDS)])
CHANGE = script("002_notes", indices=[definition(NEW, NEW_FIELDS, replaces=OLD)])
CHANGE_BACK = script("002_notes.down", indices=[definition(OLD, OLD_FIELDS, replaces=NEW)])


def entry(name: str, **changes: Any) -> LedgerEntry:
    made = LedgerEntry(
        name, _MIGRATIONS.get(name, "0" * 64), datetime(2026, 1, 2, 3, 4, 5, 678901, UTC), applied_by="test"
    )
    return made.changed(**changes)


def run(driver: Driver, one: Script, guard: Callable[[], None] = lambda: None) -> None:
    """Check and execute a script as a runner does."""
    name = one.file.split(".")[0]
    driver.check(one)
    driver.execute(one, Work(entry(name, state="reverting" if ".down." in one.file else "applying"), guard=guard))


@contextmanager
def connected(url: str) -> Iterator[Driver]:
    driver = Driver()
    driver.connect({"url": url, "user": "elastic", "password": PASSWORD})
    try:
        yield driver
    finally:
        driver.close()


def killed(url: str, one: Script, step: int) -> bool:
    """Execute a script in a process that ends itself before that step; False if it had done all before."""
    context = multiprocessing.get_context("forkserver")
    # Every process is a fork of one that has imported the client.
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_run_until, args=(url, one, step), daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def documents(count: int) -> dict[str, dict[str, Any]]:
    numbers = random.Random(count)  # noqa: S311 - test data
    return {
        f"note-{number}": {
            "text": f"note {number}",
            "number": str(number),
            "vector": [numbers.uniform(-1, 1) for _ in range(8)],
        }
        for number in range(count)
    }


def load(client: Elasticsearch, found: dict[str, dict[str, Any]]) -> None:
    operations = [part for name, one in found.items() for part in ({"index": {"_id": name}}, one)]
    answer = client.bulk(index=ALIAS, operations=operations, refresh=True)
    assert not answer["errors"]


def contents(client: Elasticsearch, index: str) -> dict[str, str]:
    """Return every document's text, by identifier, as a search sees it."""
    hits = client.search(index=index, size=10_000, source_includes=["text"])["hits"]["hits"]
    return {hit["_id"]: hit["_source"]["text"] for hit in hits}


class Writer:
    """An application that writes through the alias all the time, and tries again what was refused."""

    def __init__(self, client: Elasticsearch) -> None:
        self.acknowledged: dict[str, str] = {}
        self.refusals: set[str] = set()
        self._client = client
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(30)

    def wait_for_more(self) -> None:
        """Return when some more writes have been acknowledged."""
        wanted, deadline = len(self.acknowledged) + 10, time.monotonic() + 20
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, "no write is acknowledged any more"
            time.sleep(0.05)

    def _write(self) -> None:
        for number in itertools.count():
            # One document is changed again and again, others are new.
            for name in ("note-0", f"written-{number}"):
                while not self._done.is_set():
                    try:
                        self._client.index(index=ALIAS, id=name, document={"text": str(number)})
                    except AuthorizationException as error:
                        self.refusals.add(str(error.error))
                        time.sleep(0.01)
                    else:
                        self.acknowledged[name] = str(number)
                        break
            if self._done.is_set():
                return


def copying(client: Elasticsearch) -> list[str]:
    """Return the descriptions of the copies that are under way."""
    parameters = {"actions": "*reindex", "detailed": "true", "group_by": "none"}
    tasks = client.perform_request("GET", "/_tasks", params=parameters).body["tasks"]
    return [str(task["description"]) for task in tasks]


def _run_until(url: str, one: Script, step: int) -> None:
    left = step

    def guard() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    with connected(url) as driver:
        run(driver, one, guard)

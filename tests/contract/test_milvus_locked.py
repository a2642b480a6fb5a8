"""Milvus with authorization on: the application cannot write during a copy. And the ledger, which runners share."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from init.engines.base import LedgerConflict
from init.migrations import LedgerEntry
from init.protocol import Failure
from tests.contract.milvus_server import (
    KEY,
    TEXT,
    VECTOR,
    Server,
    body,
    contents,
    entry,
    fails,
    fill,
    rows,
    run,
    started,
)

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of its own: behind collections that were dropped, changes of privileges overtake each other."""
    with started("locked-milvus", authorization=True) as server:
        yield server


def test_the_application_cannot_write_during_a_copy_and_can_read(server: Server) -> None:
    fields = [KEY, TEXT, VECTOR]
    run(server.driver, 1, body("locked", 1, fields))
    fill(server, "locked_v001", rows(10, fields))
    application = server.as_application()
    row, refused, served = rows(1, fields, seed=9), list[str](), list[int]()

    def attempt() -> None:
        served.append(len(application.query("locked", filter="", output_fields=["id"], limit=100)))
        for write in (application.insert, application.upsert):
            with pytest.raises(grpc.RpcError) as caught:
                write("locked", row)
            refused.append(caught.value.details())

    run(server.driver, 2, body("locked", 2, fields), at=dict.fromkeys(["copy", "compare", "switch"], attempt))
    assert len(refused) == 6
    assert all("permission deny to application" in one for one in refused)
    assert served == [10, 10, 10]
    application.insert("locked", row)
    assert len(contents(server, "locked_v002")) == 11
    assert server.driver.verify()["locked"] == 11

    with pytest.raises(Failure, match="the lock is gone"):
        run(server.driver, 3, body("locked", 3, fields), at={"compare": fails})
    application.insert("locked", rows(1, fields, seed=10))
    application.close()


def test_the_ledger_is_written_by_compare_and_set(server: Server) -> None:
    one, other = server.another(), server.another()
    first, second = entry("001_a", "a"), entry("002_b", "b")
    one.write(first, replacing=None)
    assert other.ledger() == (first,)
    applied = first.changed(state="applied", duration=0.25, step=3)
    one.write(applied, replacing=first)
    with pytest.raises(LedgerConflict):
        other.write(second, replacing=None)
    with pytest.raises(LedgerConflict):
        other.write(first.changed(error="no"), replacing=first)
    assert other.ledger() == (applied,)
    other.write(second, replacing=None)
    for state in ("applied", "reverting"):
        other.write(second.changed(state=state), replacing=other.ledger()[1])
    # Its next number is free again; the ledger is further on.
    with pytest.raises(LedgerConflict):
        one.remove(applied)
    assert one.ledger() == (applied, second.changed(state="reverting"))
    one.remove(second.changed(state="reverting"))
    one.remove(applied)
    assert server.driver.ledger() == ()
    assert len([name for name in server.client.list_collections() if "migrations" in name]) == 1


def test_of_writers_at_once_the_ledger_keeps_what_it_took(server: Server) -> None:
    drivers = [server.another() for _ in range(4)]

    def write(number: int, turn: int) -> LedgerEntry | None:
        mine = entry(f"{number:03}_{turn}", "x")
        try:
            drivers[number].write(mine, replacing=None)
        except LedgerConflict:
            return None
        return mine

    taken: list[LedgerEntry] = []
    with ThreadPoolExecutor(max_workers=len(drivers)) as pool:
        for turn in range(8):
            results = list(pool.map(write, range(len(drivers)), [turn] * len(drivers)))
            taken += [one for one in results if one]
            assert any(results)
    kept = server.another().ledger()
    assert set(kept) == set(taken)
    for one in kept:
        server.driver.ledger()
        server.driver.remove(one)


def test_what_is_flushed_is_in_storage(server: Server) -> None:
    fields = [KEY, TEXT, VECTOR]
    run(server.driver, 1, body("flushed", 1, fields))
    server.client.insert("flushed_v001", rows(10, fields))
    assert server.client.get_collection_stats("flushed_v001")["row_count"] == 0
    assert server.driver.flush() == len(server.client.list_collections())
    assert server.client.get_collection_stats("flushed_v001")["row_count"] == 10

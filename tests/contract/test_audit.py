"""The record's head in a real PostgreSQL: added and never changed, and whatever was cut off or written anew is known there."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from init import anchors
from init.engines.postgres_connection import ANCHORS, connect
from init.runner.coordinator import Coordinator
from ops.audit import entries, record
from ops.audit.anchoring import PLACE, read
from ops.audit.checking import check
from tests.contract.containers import Contract
from tests.contract.migrations.case import CREDENTIALS
from tests.unit.audit.recording import KEYS, SIGNER, STACK, entry, put, written

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, Any]]:
    """Provide the connection to a server that was never initialized."""
    with Contract.session("audit") as contract:
        yield {**CREDENTIALS, "host": contract.address("postgres")}


@pytest.fixture
def connection(server: dict[str, Any]) -> dict[str, Any]:
    with connect(server) as opened:
        opened.execute(f"DROP TABLE IF EXISTS {ANCHORS}".encode())
    return server


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAREN_HOME", str(tmp_path))


def act(connection: dict[str, Any], lines: list[bytes] | None = None) -> list[dict[str, Any]]:
    """Do what a job does: remember how far a record goes if there is one, and tell what is remembered."""
    head = entries.head_of(lines) if lines else None
    request = {"stack": STACK, "connection": connection, **({"anchor": head.document()} if head else {})}
    found: list[dict[str, Any]] = anchors.act(request)["anchors"]
    return found


def problems(connection: dict[str, Any], lines: list[bytes]) -> list[str]:
    remembered = [read(PLACE, one, one["anchored_at"]) for one in act(connection)]
    return check(lines, trusted=[SIGNER.public], anchors=remembered).problems


def test_nothing_is_remembered_before_anything_was_told(connection: dict[str, Any]) -> None:
    assert act(connection) == []
    assert anchors.last(connection, STACK) is None


def test_what_was_told_is_remembered(connection: dict[str, Any]) -> None:
    lines = written(5)
    act(connection, lines[:2])
    act(connection, lines)
    assert [one["number"] for one in act(connection, lines)] == [5, 2]
    head = entries.head_of(lines)
    assert head is not None
    assert anchors.last(connection, STACK) == head.document()
    assert problems(connection, lines) == []
    # Another stack's record, as after a restore into this one, is not this one's.
    anchors.act({"stack": "other", "connection": connection, "anchor": {**head.document(), "number": 99}})
    assert problems(connection, lines) == []


def test_a_cut_tail_is_known_also_when_it_has_grown_again(connection: dict[str, Any]) -> None:
    lines = written(8)
    act(connection, lines[:4])
    act(connection, lines)
    assert len(problems(connection, lines[:6])) == 1
    assert "remembers 8 entries" in problems(connection, lines[:6])[0]
    put(lines[:6])
    for number in range(20, 60):
        record.append(STACK, [entry(number)], KEYS)
        # The number that is remembered already stays as it was.
        act(connection, record.lines_of(STACK))
    grown = record.lines_of(STACK)
    assert check(grown, trusted=[SIGNER.public]).problems == []
    assert len(problems(connection, grown)) == 1
    assert problems(connection, grown)[0].startswith("entry 8 is not the one that PostgreSQL remembers")


def test_a_record_that_was_begun_anew_is_known(connection: dict[str, Any]) -> None:
    act(connection, written(5))
    record.path(STACK).unlink()
    other = written(6)
    act(connection, other)
    assert "PostgreSQL remembers another record of 5 entries" in problems(connection, other)[0]


def test_many_tell_at_once(connection: dict[str, Any]) -> None:
    lines = written(21)
    with ThreadPoolExecutor(max_workers=10) as pool:
        list(pool.map(lambda count: act(connection, lines[:count]), range(1, 21)))
    assert sorted(one["number"] for one in act(connection)) == list(range(1, 21))
    assert problems(connection, lines) == []


def test_the_table_belongs_to_the_ledger_and_takes_nothing_else(connection: dict[str, Any]) -> None:
    with connect(connection) as opened:
        Coordinator(opened).prepare()
        present = opened.execute("SELECT to_regclass(%s)", [ANCHORS]).fetchone()
        assert present != (None,)
        add = f"INSERT INTO {ANCHORS} (stack, record, number, head) VALUES ('dev', %s, %s, %s)".encode()
        for values in (("x" * 64, 1, "0" * 64), ("0" * 64, 0, "0" * 64), ("0" * 64, 1, "short")):
            with pytest.raises(psycopg.errors.CheckViolation):
                opened.execute(add, values)


def test_a_server_that_is_not_there_is_not_waited_for(connection: dict[str, Any]) -> None:
    assert anchors.last({**connection, "port": 5999}, STACK) is None

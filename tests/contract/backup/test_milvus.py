"""Milvus is taken and brought back as it was: every kind of value, beside writers, over what was changed since."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from pymilvus import MilvusClient

from backup.engines.milvus import PART
from init.protocol import Failure
from tests.contract.backup import milvus_contents as made
from tests.contract.backup.plain_files import Files, backed_up, restored, task
from tests.contract.milvus_server import Server, entry

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


def test_every_kind_of_value_comes_back_over_what_was_changed_since(milvus_server: Server, tmp_path: Path) -> None:
    client, driver = milvus_server.client, milvus_server.another()
    made.kinds(client)
    made.others(client)
    client.create_alias("keyed", "current")
    made.small(client, "empty", 0)
    driver.write(entry("001_first", "1"), None)
    made.loaded(client)
    names = ("kinds", "generated")
    before, rows = made.described(client), {name: made.contents(client, name) for name in names}
    files, taken = backed_up(PART, milvus_server.connection, tmp_path)
    assert made.described(client) == before, "a backup leaves everything as it was"
    assert taken.counts == {
        "bits": 50,
        "divided": 30,
        "empty": 0,
        "generated": 20,
        "halves": 50,
        "keyed": 200,
        "kinds": 211,
    }
    assert (taken.server_version, taken.schema_version) == ("2.3.5", "001")
    assert taken.details["generated_keys"] == ["generated"]

    # The alias has moved on to a newer version, another has the name of one of the set's collections, and so on.
    driver.write(entry("002_second", "2"), None)
    client.drop_collection("halves")
    made.small(client, "newer", 5, alias="halves")
    client.alter_alias("newer", "current")
    client.delete("kinds", ids=["", "😀"])
    client.upsert("keyed", [{**made.text(1, "changed"), "extra": 1}])
    client.create_alias("keyed", "another")
    made.loaded(client)
    restored(PART, milvus_server.connection, files, taken, tmp_path)

    assert PART.summarize(milvus_server.connection) == (taken.counts, taken.checksums)
    # A key that is given, where it was generated before.
    assert before["generated"]["fields"][0].pop("auto_id")
    assert made.described(client) == before
    assert {name: made.contents(client, name) for name in names} == rows
    doubled = client.query("keyed", filter="", output_fields=["text"], limit=1000, consistency_level="Strong")
    assert sorted(row["id"] for row in doubled) == list(range(200))
    assert {row["text"] for row in doubled} <= {"a", *(f"row {number}" for number in range(200))}
    assert (
        client.query("keyed", filter="", output_fields=["count(*)"], consistency_level="Strong")[0]["count(*)"] == 200
    )
    assert [one.name for one in milvus_server.another().ledger()] == ["001_first"]
    found = client.search("current", [[1.0, 1.0, 0.0, 0.1]], limit=1, anns_field="embedding")
    assert found[0][0]["id"] % 7 == 1


def test_another_database_comes_back_and_a_newer_one_goes(milvus_server: Server, tmp_path: Path) -> None:
    _in_database(milvus_server, "second", lambda one: made.small(one, "notes", 10, alias="public"))
    made.small(milvus_server.client, "notes", 3)
    made.loaded(milvus_server.client)
    files, taken = backed_up(PART, milvus_server.connection, tmp_path)
    assert taken.counts == {"notes": 3, "second/notes": 10}
    _in_database(milvus_server, "second", made.emptied)
    milvus_server.client.drop_database("second")
    _in_database(milvus_server, "third", lambda one: made.small(one, "notes", 1))
    restored(PART, milvus_server.connection, files, taken, tmp_path)
    assert PART.summarize(milvus_server.connection) == (taken.counts, taken.checksums)
    assert sorted(milvus_server.client.list_databases()) == ["default", "second"]
    counts: list[int] = []
    _in_database(milvus_server, "second", lambda one: counts.append(len(made.contents(one, "public"))))
    _in_database(milvus_server, "second", made.emptied)
    milvus_server.client.drop_database("second")
    assert counts == [10]


def test_what_was_acknowledged_before_is_in_and_what_is_written_after_is_not(
    milvus_server: Server, tmp_path: Path
) -> None:
    made.small(milvus_server.client, "busy", 0)
    made.loaded(milvus_server.client)
    milvus_server.client.insert("busy", [made.text(number) for number in range(3000)])
    writer = Writer(milvus_server)
    writer.start()
    try:
        writer.wait(20)
        before = writer.writes
        files, taken = backed_up(PART, milvus_server.connection, tmp_path)
        writer.wait(writer.writes + 20)
    finally:
        writer.done.set()
        writer.join(30)
    assert not writer.error
    written = writer.writes
    restored(PART, milvus_server.connection, files, taken, tmp_path)
    rows = {row["id"]: row["text"] for row in _texts(milvus_server, "busy")}
    assert len(rows) == taken.counts["busy"]
    # Every third write is a new row, one written over, one deleted.
    for number in range(before):
        kind, old = number % 3, number // 3
        if kind == 0:
            assert rows[10_000 + number] == f"late {number}"
        elif kind == 1:
            assert rows[2 * old] == f"late {number}"
        else:
            assert 2 * old + 1 not in rows
    untouched = {f"row {number}" for number in range(2 * (written // 3) + 2, 3000)}
    assert untouched <= set(rows.values())
    assert 10_000 + 3 * ((written - 1) // 3) not in rows, "the last row was written after the end"


def test_a_collection_that_is_dropped_or_replaced_meanwhile_is_left_out(milvus_server: Server, tmp_path: Path) -> None:
    for name in ("dropped", "kept", "replaced"):
        made.small(milvus_server.client, name, 5)
    made.loaded(milvus_server.client)

    class Dropping(Files):
        def file(self, name: str) -> Any:
            which = Path(name).stem
            if which in ("dropped", "replaced"):
                milvus_server.client.drop_collection(which)
            if which == "replaced":
                made.small(milvus_server.client, which, 7)
            return super().file(name)

    taken = PART.back_up(milvus_server.connection, Dropping(tmp_path / "set"), task(tmp_path))
    assert taken.counts == {"kept": 5}
    assert taken.details["dropped"] == ["dropped", "replaced"]


def test_a_damaged_file_leaves_everything_as_it_was(milvus_server: Server, tmp_path: Path) -> None:
    made.small(milvus_server.client, "notes", 50, alias="public")
    made.loaded(milvus_server.client)
    files, taken = backed_up(PART, milvus_server.connection, tmp_path)
    before, rows = made.described(milvus_server.client), made.contents(milvus_server.client, "notes")
    path = files.directory / "collections" / "notes.rows"
    whole = path.read_bytes()
    for damaged in (whole.replace(b"row 17", b"row 71"), whole[:-10]):
        path.write_bytes(damaged)
        with pytest.raises(Failure, match=r"notes: .*; what was there before is untouched") as refused:
            PART.load(milvus_server.connection, files, taken, task(tmp_path))
        assert refused.value.kind == "RestoreFailed"
        with pytest.raises(Failure, match="nothing of set"):
            PART.exchange(milvus_server.connection, _other(taken), task(tmp_path))
    PART.discard(milvus_server.connection, task(tmp_path))
    assert made.described(milvus_server.client) == before
    assert made.contents(milvus_server.client, "notes") == rows


def test_a_wrong_password_and_a_newer_format_are_refused(milvus_server: Server, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="password of root was refused"):
        PART.summarize({**milvus_server.connection, "password": "wrong-password"})
    files = Files(tmp_path)
    (tmp_path / "collections.json").write_text(json.dumps({"format": 2, "collections": []}))
    _, taken = backed_up(PART, milvus_server.connection, tmp_path / "own")
    with pytest.raises(Failure, match="is of format 2; allowed: 1"):
        PART.load(milvus_server.connection, files, taken, task(tmp_path))


class Writer(threading.Thread):
    """Writes as the application all the time: new rows, rows written over, rows deleted."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._client = server.as_application()
        self.done, self.writes, self.error = threading.Event(), 0, ""
        self._written = threading.Condition()

    def run(self) -> None:
        try:
            while not self.done.is_set():
                self._write(self.writes)
                with self._written:
                    self.writes += 1
                    self._written.notify_all()
        except Exception as error:  # noqa: BLE001 - the test tells it
            self.error = repr(error)
        self._client.close()

    def wait(self, writes: int) -> None:
        with self._written:
            assert self._written.wait_for(lambda: self.writes >= writes, 60), self.error

    def _write(self, number: int) -> None:
        kind, old = number % 3, number // 3
        if kind == 0:
            self._client.insert("busy", [made.text(10_000 + number, f"late {number}")])
        elif kind == 1:
            self._client.upsert("busy", [made.text(2 * old, f"late {number}")])
        else:
            self._client.delete("busy", ids=[2 * old + 1])


def _texts(server: Server, name: str) -> list[made.Row]:
    found = server.client.query(name, filter="", output_fields=["text"], limit=16_000, consistency_level="Strong")
    return [dict(row) for row in found]


def _other(taken: Any) -> Any:
    from dataclasses import replace

    return replace(taken, checksums=dict.fromkeys(taken.checksums, "0" * 32))


def _in_database(server: Server, name: str, work: Any) -> None:
    """Do something as a client of a database, which is made if it is not there."""
    if name not in server.client.list_databases():
        server.client.create_database(name)
    address = f"http://{server.connection['host']}:19530"
    client = MilvusClient(
        uri=address, user="root", password=server.connection["password"], db_name=name, dedicated=True
    )
    work(client)
    made.loaded(client)
    client.close()

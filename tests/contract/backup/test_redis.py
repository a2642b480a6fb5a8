"""Redis' part of a set: from one real server into another, which has its own password and keeps it."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from backup.engines.redis import PART
from backup.model import Taken
from init.protocol import Failure
from tests.contract.backup.plain_files import Files, backed_up, task
from tests.contract.backup.redis_servers import (
    EXPECTED,
    Connection,
    Target,
    backed,
    client,
    dumped,
    emptied,
    fill,
    started,
)
from tests.contract.containers import Contract
from tests.contract.servers import PASSWORD

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Contract, Connection]]:
    with backed() as both:
        yield both


@pytest.fixture
def source(server: tuple[Contract, Connection]) -> Connection:
    return emptied(server[1])


@pytest.fixture(params=["yes", "no"])
def target(request: pytest.FixtureRequest, server: tuple[Contract, Connection], tmp_path: Path) -> Iterator[Target]:
    with started(server[0], tmp_path, request.param) as found:
        yield found


def exchanged(target: Target, taken: Taken, directory: Path) -> None:
    target.container.stop(timeout=10)
    PART.exchange(target.connection, taken, task(directory))
    target.start()


def test_every_type_comes_back_and_the_target_keeps_its_password(
    source: Connection, target: Target, tmp_path: Path
) -> None:
    fill(source)
    client(target.connection).set("old", "data")
    files, taken = backed_up(PART, source, tmp_path)
    assert taken.counts == EXPECTED
    assert taken.server_version.startswith("8.")
    PART.load(target.connection, files, taken, task(tmp_path))
    assert client(target.connection).keys() == [b"old"]
    exchanged(target, taken, tmp_path)
    PART.finish(target.connection, taken, task(tmp_path))
    assert dumped(target.connection) == dumped(source)
    assert client(target.connection).function_list() == client(source).function_list()
    assert PART.summarize(target.connection) == (taken.counts, taken.checksums)
    with pytest.raises(redis.AuthenticationError):
        client({**target.connection, "password": PASSWORD}).ping()
    assert not (target.directory / "replaced").exists()
    # It goes on as before: what is written now is there after a crash.
    client(target.connection).set("new", "data")
    client(target.connection).bgsave() if target.connection["expect"]["appendonly"] == "no" else time.sleep(1.1)
    time.sleep(0.3)
    target.container.kill()
    target.start()
    assert client(target.connection).get("new") == b"data"
    assert PART.summarize(target.connection)[0] == {**EXPECTED, "db0": EXPECTED["db0"] + 1}


def test_a_server_that_writes_a_file_first_sends_the_same(source: Connection, tmp_path: Path) -> None:
    fill(source)
    _, streamed = backed_up(PART, source, tmp_path)
    client(source).config_set("repl-diskless-sync", "no")
    _, stored = backed_up(PART, source, tmp_path)
    assert (streamed.counts, streamed.checksums) == (stored.counts, stored.checksums)


def test_what_was_acknowledged_before_is_there_and_what_came_after_is_not(source: Connection, tmp_path: Path) -> None:
    times: list[tuple[float, float]] = []
    stopped = threading.Event()

    def write() -> None:
        one = client(source)
        while not stopped.is_set():
            asked = time.time()
            one.set(f"written:{len(times)}", len(times))
            times.append((asked, time.time()))

    client(source).set("ballast", os.urandom(20 << 20))
    writer = threading.Thread(target=write)
    writer.start()
    try:
        time.sleep(0.3)
        _, taken = backed_up(PART, source, tmp_path)
        time.sleep(0.3)
    finally:
        stopped.set()
        writer.join()
    before = sum(acknowledged < taken.began for _, acknowledged in times)
    until = sum(asked <= taken.ended for asked, _ in times)
    # They were written one after the other.
    there = taken.counts["db0"] - 1
    assert 0 < before <= there <= until < len(times)
    client(source).delete(*(f"written:{number}" for number in range(there, len(times))))
    assert PART.summarize(source) == (taken.counts, taken.checksums)


def test_other_contents_after_a_restore_are_found_and_the_old_data_kept(
    source: Connection, target: Target, tmp_path: Path
) -> None:
    client(source).mset({f"key {number}": number for number in range(100)})
    files, taken = backed_up(PART, source, tmp_path)
    PART.load(target.connection, files, taken, task(tmp_path))
    exchanged(target, taken, tmp_path)
    client(target.connection).set("key 7", "other")
    # Nobody writes to the stack of a drill.
    alone = {**target.connection, "alone": True}
    with pytest.raises(Failure, match="the restored server has other contents in 100 keys in db0"):
        PART.finish(alone, taken, task(tmp_path))
    client(target.connection).delete("key 7")
    with pytest.raises(Failure, match="the restored server has 99 keys instead of 100 in db0"):
        PART.finish(alone, taken, task(tmp_path))
    assert any((target.directory / "replaced").iterdir())
    PART.finish(target.connection, taken, task(tmp_path))
    assert not (target.directory / "replaced").exists()


@pytest.mark.parametrize("wrong", ["cut", "flipped", "longer"])
def test_a_damaged_file_is_refused_and_nothing_is_exchanged(source: Connection, tmp_path: Path, wrong: str) -> None:
    fill(source)
    files, taken = backed_up(PART, source, tmp_path)
    path = files.directory / "dump.rdb"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes({"cut": path.read_bytes()[:-1], "flipped": bytes(data), "longer": path.read_bytes() + b"!"}[wrong])
    volume = tmp_path / "volume"
    volume.mkdir()
    connection = {"volume": str(volume), "expect": {"appendonly": "yes"}}
    with pytest.raises(Failure, match=r"dump\.rdb of set 20261122-100000-abcd is damaged") as failure:
        PART.load(connection, Files(files.directory), taken, task(tmp_path))
    assert failure.value.kind == "Damaged"
    with pytest.raises(Failure, match="is not complete"):
        PART.exchange(connection, taken, task(tmp_path))
    PART.discard(connection, task(tmp_path))
    assert not list(volume.iterdir())

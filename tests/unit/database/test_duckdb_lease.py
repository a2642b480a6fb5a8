"""DuckDB's lease: one writer or many readers, with the very lock that migrations and backups take."""

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from database.clients.duckdb import DuckDBClient
from database.errors import (
    FileInUse,
)
from database.sync.duckdb import SyncDuckDBClient
from init.engines import duckdb_lease
from init.protocol import Failure
from tests.unit.database.counts import add_one, settings, value


def test_writers_and_readers_of_one_process_take_turns(path: Path) -> None:
    async def scenario() -> None:
        async with DuckDBClient(settings(path, DUCKDB_LEASE_TIMEOUT="30")) as client:
            writes = [client.run("add", add_one, writing=True) for _ in range(20)]
            reads = [client.run("read", value) for _ in range(20)]
            await asyncio.gather(*writes, *reads)
            assert await client.run("read", value) == 20

    asyncio.run(scenario())


def many(path: str, times: int) -> None:
    with SyncDuckDBClient(settings(Path(path), DUCKDB_LEASE_TIMEOUT="30")) as client:
        for _ in range(times):
            client.run("add", add_one, writing=True)
            assert client.run("read", value) > 0


def test_writers_of_several_processes_lose_nothing(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=many, args=(str(path), 10)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with SyncDuckDBClient(settings(path)) as client:
        assert client.run("read", value) == 30


def test_readers_of_several_processes_read_together(path: Path, client: SyncDuckDBClient) -> None:
    program = (
        f"import duckdb, time, fcntl, os\n"
        f"d = os.open({str(path)!r} + '.lease', os.O_RDWR | os.O_CREAT); fcntl.flock(d, fcntl.LOCK_SH)\n"
        f"c = duckdb.connect({str(path)!r}, read_only=True); print('reading', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "reading\n"
        assert client.run("read", value) == 0
        with pytest.raises(FileInUse, match="still in use"):
            client.run("add", add_one, writing=True)
        other.communicate("\n")
    client.run("add", add_one, writing=True)


@pytest.mark.parametrize("writing", [True, False])
def test_a_migration_s_lease_keeps_an_application_out_and_is_named(
    path: Path, client: SyncDuckDBClient, writing: bool
) -> None:
    held = duckdb_lease.Lease(path, "ai-karen-init", seconds=1)
    with pytest.raises(FileInUse, match="held by ai-karen-init since") as caught:
        client.run("read", value, writing=writing)
    assert (caught.value.engine, caught.value.operation) == ("duckdb", "read")
    held.release()
    assert client.run("read", value, writing=writing) == 0


@pytest.mark.parametrize("writing", [True, False])
def test_an_application_s_lease_keeps_a_migration_out_and_is_named(
    path: Path, client: SyncDuckDBClient, writing: bool
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def hold(_: duckdb.DuckDBPyConnection) -> None:
        inside.set()
        go_on.wait(10)

    worker = threading.Thread(target=lambda: client.run("hold", hold, writing=writing))
    worker.start()
    inside.wait(10)
    with pytest.raises(Failure, match=rf"application, process {os.getpid()} \((reading|writing)\)"):
        duckdb_lease.Lease(path, "ai-karen-init", seconds=0.2)
    go_on.set()
    worker.join(10)
    duckdb_lease.Lease(path, "ai-karen-init", seconds=1).release()


def test_a_file_in_use_is_no_failure_that_a_breaker_counts(path: Path) -> None:
    held = duckdb_lease.Lease(path, "ai-karen-init", seconds=1)
    with SyncDuckDBClient(settings(path, DUCKDB_LEASE_TIMEOUT="0.01")) as client:
        for _ in range(10):
            with pytest.raises(FileInUse):
                client.run("read", value)
        held.release()
        assert client.run("read", value) == 0


def test_the_lease_is_one_file_with_one_form(path: Path, client: SyncDuckDBClient) -> None:
    client.run("read", value)
    written = json.loads(Path(f"{path}{duckdb_lease.SUFFIX}").read_text())
    assert set(written) == {"holder", "since"}


def test_waiting_writers_are_not_starved_by_readers(path: Path) -> None:
    with SyncDuckDBClient(settings(path, DUCKDB_LEASE_TIMEOUT="5")) as client:
        stop = threading.Event()

        def read_on() -> None:
            while not stop.is_set():
                client.run("read", value)

        readers = [threading.Thread(target=read_on) for _ in range(3)]
        for reader in readers:
            reader.start()
        try:
            for _ in range(5):
                client.run("add", add_one, writing=True)
        finally:
            stop.set()
            for reader in readers:
                reader.join(10)
        assert client.run("read", value) == 5


def test_a_holder_without_the_lease_is_waited_for_no_longer_than_it_lasts(path: Path, client: SyncDuckDBClient) -> None:
    program = f"import duckdb; c = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(FileInUse, match="lock"):
            client.run("read", value)
        other.communicate("\n")
    assert client.run("read", value) == 0


def test_a_process_that_was_forked_meanwhile_does_not_keep_the_lease(path: Path, client: SyncDuckDBClient) -> None:
    children: list[int] = []

    def fork(connection: duckdb.DuckDBPyConnection) -> None:
        if not (child := os.fork()):
            time.sleep(5)
            os._exit(0)
        children.append(child)

    client.run("fork", fork, writing=True)
    try:
        client.run("add", add_one, writing=True)
    finally:
        os.kill(children[0], signal.SIGKILL)
        os.waitpid(children[0], 0)

"""Data through a real job: streamed, ended early when it is refused, and rolled back when its sender is gone."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.images import reference
from init.engines.postgres_connection import Connection
from init.loads import source
from init.resources.job import Job, JobError, JobSpec, sweep
from tests.contract.containers import SOURCE, Contract
from tests.contract.loading.sending import SECRET, rows

pytestmark = pytest.mark.contract
STACK = "test-loading"
COUNT = 100_000


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    sweep(STACK)


def job(servers: Contract) -> Job:
    image = reference("toolbox", SOURCE)
    spec = JobSpec(stack=STACK, name="postgres", image=image, user="10001:10001", network=servers.name, exclusive=False)
    return Job(spec)


def asked(credentials: dict[str, Any]) -> dict[str, Any]:
    connection = {**credentials, "host": "postgres"}
    return {"protocol": 1, "action": "load", "engine": "postgres", "target": "notes", "connection": connection}


def test_a_file_goes_through_a_job_into_a_table(
    servers: Contract, postgres: Connection, credentials: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "notes.csv"
    file.write_bytes(b"".join(rows(COUNT)))
    with job(servers) as running:
        assert running.run(asked(credentials), source.read("postgres", file).pieces)["added"] == COUNT


def test_a_job_that_refuses_the_data_ends_before_all_of_it_is_sent(
    servers: Contract, postgres: Connection, credentials: dict[str, Any]
) -> None:
    taken: list[int] = []

    def pieces() -> Iterator[bytes]:
        yield f"id,tenant\n{SECRET},a\n".encode()
        for number in range(5000):
            taken.append(number)
            yield b"1,a\n" * 250_000

    with job(servers) as running, pytest.raises(JobError, match="line 2, column id"):
        running.run(asked(credentials), pieces())
    assert len(taken) < 5000


def test_a_sender_that_is_killed_leaves_no_row(
    servers: Contract, postgres: Connection, credentials: dict[str, Any]
) -> None:
    def send() -> None:
        def pieces() -> Iterator[bytes]:
            yield from rows(10_000)
            started.set()
            time.sleep(600)

        with job(servers) as running:
            running.run(asked(credentials), pieces())

    processes = multiprocessing.get_context("fork")
    started = processes.Event()
    sender = processes.Process(target=send)
    sender.start()
    try:
        assert started.wait(60)
    finally:
        os.kill(sender.pid or 0, 9)
        sender.join()
    deadline = time.monotonic() + 30
    loading = "SELECT FROM pg_stat_activity WHERE application_name = 'ai-karen load'"
    while postgres.execute(loading.encode()).fetchone() is not None:
        assert time.monotonic() < deadline, "the load goes on"
        time.sleep(0.1)
    assert postgres.execute("SELECT count(*) FROM notes").fetchone() == (0,)

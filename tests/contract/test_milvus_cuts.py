"""A change to a collection that is disturbed: by writers, by a lost lock, by the end of its process, at any step."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from init.protocol import Failure
from tests.contract.milvus_server import (
    KEY,
    TEXT,
    VECTOR,
    Row,
    Server,
    Trial,
    body,
    contents,
    fails,
    fill,
    rows,
    run,
    target,
)

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(open_milvus: Server) -> Iterator[Server]:
    server = open_milvus.emptied()
    yield server
    server.driver.close()


class Writer(threading.Thread):
    """Somebody who may write at any time: new rows, rows written over, rows deleted. Knows what was acknowledged."""

    def __init__(self, server: Server, alias: str, there: Mapping[int, Row]) -> None:
        super().__init__(daemon=True)
        self._client = server.as_application()
        self._alias, self.expected = alias, dict(there)
        self._old = iter(sorted(there))
        self.done, self.writes, self.error = threading.Event(), 0, ""

    def run(self) -> None:
        try:
            while not self.done.is_set():
                self._write(self.writes)
                self.writes += 1
        except Exception as error:  # noqa: BLE001 - the test tells it
            self.error = repr(error)
        self._client.close()

    def _write(self, number: int) -> None:
        row: Row = {"id": number, "text": f"late {number}", "embedding": [float(number % 97)] * 8}
        kind = number % 10
        if kind == 0:
            row["id"] = next(self._old)
            self._client.upsert(self._alias, [row])
        elif kind == 5:
            gone = next(self._old)
            self._client.delete(self._alias, ids=[gone])
            del self.expected[gone]
            return
        else:
            self._client.insert(self._alias, [row])
        self.expected[row["id"]] = row


def every_acknowledged_write_is_in_the_new_version(server: Server) -> None:
    fields = [KEY, TEXT, VECTOR]
    run(server.driver, 1, body("busy", 1, fields))
    values = rows(3000, fields)
    for number, row in enumerate(values):
        row["id"] = 1_000_000 + number
    writer = Writer(server, "busy", fill(server, "busy_v001", values))
    writer.start()
    try:
        time.sleep(0.5)
        run(server.driver, 2, body("busy", 2, [KEY, {**TEXT, "max_length": 80}, VECTOR]))
        time.sleep(0.5)
    finally:
        writer.done.set()
        writer.join()
    assert not writer.error
    assert writer.writes > 100
    found = contents(server, "busy")
    assert target(server, "busy") == "busy_v002"
    assert {key for key in {*found, *writer.expected} if found.get(key) != writer.expected.get(key)} == set()


def a_runner_that_lost_its_lock_leaves_the_alias_alone_and_the_next_one_goes_on(server: Server) -> None:
    _lock_lost(server, "switch")


def a_lock_may_be_lost_at_any_step(server: Server) -> None:
    _lock_lost(server, "create", "copy", "compare")


def _lock_lost(server: Server, *steps: str) -> None:
    name = f"fenced_{len(steps)}"
    fields = [KEY, VECTOR]
    run(server.driver, 1, body(name, 1, fields))
    stored = fill(server, f"{name}_v001", rows(50, fields))
    for step in steps:
        with pytest.raises(Failure, match="the lock is gone"):
            run(server.driver, 2, body(name, 2, fields), at={step: fails})
        assert target(server, name) == f"{name}_v001"
        assert contents(server, name) == stored
    run(server.driver, 2, body(name, 2, fields))
    assert contents(server, f"{name}_v002") == stored


def a_run_that_was_killed_is_completed_by_the_next(server: Server) -> None:
    _killed(server, ["copy"], ["look"])


def a_run_may_be_killed_at_any_step(server: Server) -> None:
    there = ["create", "create", "compare", "switch", "look", "keep"]
    _killed(server, there, ["drop", "create", "copy", "compare", "switch", "remove"])


def _killed(server: Server, there: list[str], back: list[str]) -> None:
    fields = [KEY, TEXT, VECTOR]
    stored = {}
    for one in back:
        run(server.driver, 1, body(f"cut_{one}", 1, fields))
        stored[one] = fill(server, f"cut_{one}_v001", rows(200, fields))
    with ThreadPoolExecutor(max_workers=len(back)) as pool:

        def cut_and_complete(step: str, text: str, *, way_back: bool) -> int:
            code = killed(server, text, step, way_back=way_back)
            run(server.another(), 2, text, way_back=way_back)
            return code

        def up(one: str, step: str) -> int:
            return cut_and_complete(step, body(f"cut_{one}", 2, fields), way_back=False)

        def down(one: str) -> int:
            text = body(f"cut_{one}", 1, fields, replaces=f"cut_{one}_v002")
            return cut_and_complete(one, text, way_back=True)

        assert set(pool.map(up, back, there)) == {-signal.SIGKILL}
        for one in back:
            assert target(server, f"cut_{one}") == f"cut_{one}_v002"
            assert contents(server, f"cut_{one}") == stored[one]
        assert {f"cut_{one}_v001" for one in back} <= set(server.driver.kept())
        assert set(pool.map(down, back)) == {-signal.SIGKILL}
    for one in back:
        assert target(server, f"cut_{one}") == f"cut_{one}_v001"
        assert contents(server, f"cut_{one}") == stored[one]
        assert not server.client.has_collection(f"cut_{one}_v002")


def killed(server: Server, text: str, step: str, *, way_back: bool) -> int:
    """Execute in a process of its own, which is killed at a step; return its code."""
    call = "import sys; from tests.contract.milvus_server import killed_run; killed_run(*sys.argv[1:])"
    arguments = [json.dumps(server.connection), "2", text, "back" if way_back else "there", step]
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", call, *arguments], cwd=root, check=False, capture_output=True
    ).returncode


def rows_written_before_a_cut_at_the_switch_are_brought_over_after_it(server: Server) -> None:
    fields = [KEY, TEXT, VECTOR]
    run(server.driver, 1, body("late", 1, fields))
    stored = fill(server, "late_v001", rows(10, fields))
    with pytest.raises(Failure, match="the lock is gone"):
        run(server.driver, 2, body("late", 2, fields), at={"look": fails})
    assert target(server, "late") == "late_v002"
    late = rows(1, fields, seed=5)[0]
    server.client.insert("late_v001", [late])
    run(server.driver, 2, body("late", 2, fields))
    assert contents(server, "late").keys() == {*stored, late["id"]}


def a_way_back_from_a_half_made_copy_removes_that_copy(server: Server) -> None:
    fields = [KEY, VECTOR]
    run(server.driver, 1, body("half", 1, fields))
    stored = fill(server, "half_v001", rows(10, fields))
    with pytest.raises(Failure, match="the lock is gone"):
        run(server.driver, 2, body("half", 2, fields), at={"switch": fails})
    server.client.delete("half", ids=[min(stored)])
    run(server.driver, 2, body("half", 1, fields, replaces="half_v002"), way_back=True)
    assert not server.client.has_collection("half_v002")
    assert contents(server, "half").keys() == stored.keys() - {min(stored)}


_IN_FULL = (
    a_lock_may_be_lost_at_any_step,
    a_run_may_be_killed_at_any_step,
    rows_written_before_a_cut_at_the_switch_are_brought_over_after_it,
)


@pytest.mark.parametrize(
    "trial",
    [
        every_acknowledged_write_is_in_the_new_version,
        a_runner_that_lost_its_lock_leaves_the_alias_alone_and_the_next_one_goes_on,
        a_run_that_was_killed_is_completed_by_the_next,
        a_way_back_from_a_half_made_copy_removes_that_copy,
        *(pytest.param(trial, marks=pytest.mark.full) for trial in _IN_FULL),
    ],
    ids=lambda trial: trial.__name__,
)
def test_a_change_that_is_disturbed(trials: Mapping[Trial, Future[None]], trial: Trial) -> None:
    trials[trial].result()

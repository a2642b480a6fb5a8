"""Sets of a live stack: made while everything is written to, put over what came later, whatever is cut off."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import docker
import pytest
from docker.errors import APIError, NotFound

from bootstrap import places
from init.resources.job import JOB_LABEL
from ops.backups import journal
from tests.e2e import clients, writers
from tests.e2e.backups.samples import document, everywhere, in_volume, karen, put, remove, seen
from tests.e2e.live import LiveStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def kept(stack: LiveStack) -> Iterator[str]:
    """Give the id of a set that holds `kept` everywhere; in the end, what was put into the stack is gone."""
    put(stack.variables(), "kept")
    yield document(stack, "backup", "create", "--label", "kept")["set"]["id"]
    if journal.read(stack.name):
        karen(stack, "backup", "restore")
    remove(stack.variables(), ["kept", "half", "later"])


def cut(stack: LiveStack, *command: str, at: str) -> None:
    """Begin a command, and kill it and the job that it has going when it tells so."""
    words = [str(places.CHECKOUT / "karen"), *command, "--stack", stack.name]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        assert any(at in line for line in process.stderr), f"it never told {at!r}"
        os.killpg(process.pid, signal.SIGKILL)


def jobs(stack: LiveStack) -> list[str]:
    """Return the jobs of backups that still run."""
    client = docker.from_env()
    try:
        return [one.name or "" for one in client.containers.list(filters={"label": f"{JOB_LABEL}=backup-outside"})]
    except (APIError, NotFound):
        return ["one that has just ended"]
    finally:
        client.close()


def test_what_was_acknowledged_before_is_there_and_nothing_that_came_after(stack: LiveStack, kept: str) -> None:
    env, run = stack.variables(), f"backup{time.time_ns()}"
    writing = writers.all_of(env, run)
    with writers.writing(writing, seconds=2):
        clock = time.time() - time.monotonic()
        manifest = document(stack, "backup", "create", "--label", "written")["set"]
        time.sleep(1)
    put(env, "later")
    karen(stack, "backup", "restore", "written", "--confirm", stack.name)
    assert seen(stack.variables(), ["kept", "later"]) == everywhere(["kept"])
    for writer in writing:
        taken, there = manifest["engines"][writer.name]["taken"], writer.read()
        times = {number: clock + at for number, at in writer.acknowledged.items()}
        missing = {number for number, at in times.items() if at < taken["began"]} - there
        # What was acknowledged a moment after may have been executed a moment before.
        extra = {number for number, at in times.items() if at > taken["ended"] + 0.5} & there
        assert (missing, extra) == (set(), set()), writer.name
        assert len(there) > 10, writer.name
    assert karen(stack, "migrate", "verify").returncode == 0


# The runbook has the same in the small stack.
@pytest.mark.full
def test_one_engine_is_restored_alone(stack: LiveStack, kept: str) -> None:
    env = stack.variables()
    clients.redis_client(env).flushall()
    told = document(stack, "backup", "restore", kept, "--only", "redis", "--confirm", stack.name)
    assert list(told["points"]) == ["redis"]
    assert seen(env, ["kept"]) == everywhere(["kept"])


@pytest.mark.parametrize("at", ["elasticsearch: is loaded", pytest.param("milvus: is loaded", marks=pytest.mark.full)])
def test_killed_while_it_loads_it_leaves_what_is_there(stack: LiveStack, kept: str, at: str) -> None:
    env = stack.variables()
    clients.redis_client(env).set("newer", "1")
    cut(stack, "backup", "restore", kept, "--confirm", stack.name, at=at)
    deadline = time.monotonic() + 20
    while jobs(stack) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert jobs(stack) == []
    assert journal.read(stack.name) is None
    assert clients.redis_client(env).get("newer")
    assert seen(env, ["kept"]) == everywhere(["kept"])


# The runbook has the same of one engine.
@pytest.mark.full
def test_killed_while_it_exchanges_it_is_finished_by_the_next(stack: LiveStack, kept: str) -> None:
    env = stack.variables()
    put(env, "half")
    cut(stack, "backup", "restore", kept, "--confirm", stack.name, at="redis: stops")
    assert journal.read(stack.name) is not None
    told = document(stack, "backup", "restore")
    assert told["resumed"]
    assert journal.read(stack.name) is None
    assert seen(stack.variables(), ["kept", "half"]) == everywhere(["kept"])


def test_a_flipped_byte_is_found_and_nothing_is_touched(stack: LiveStack, kept: str) -> None:
    path = f"/v/{stack.name}/sets/{kept}/redis/dump.rdb.zst.age"
    flip = f"printf '\\x00' | dd of={path} bs=1 seek=200 conv=notrunc && sync"
    original = in_volume(stack, "backups-data", "sh", "-c", f"cp -p {path} /v/copy && {flip} 2>&1")
    del original
    try:
        told = karen(stack, "backup", "verify", kept, code=1).stderr
        assert "redis/dump.rdb.zst.age" in told
        refused = karen(stack, "backup", "restore", kept, "--confirm", stack.name, code=1).stderr
        assert "redis/dump.rdb.zst.age" in refused
    finally:
        in_volume(stack, "backups-data", "sh", "-c", f"mv /v/copy {path}")
    assert document(stack, "backup", "verify", kept, "--deep")["good"]


def test_what_cannot_be_is_refused_before_anything_is_touched(stack: LiveStack, kept: str) -> None:
    assert (
        f"the stack is {stack.name!r}" in karen(stack, "backup", "restore", kept, "--confirm", "other", code=1).stderr
    )
    assert kept in karen(stack, "backup", "restore", "nothing-like-it", "--confirm", stack.name, code=1).stderr
    assert "no identity" in karen(stack, "backup", "verify", kept, "--identity", "README.md", code=2).stderr
    assert seen(stack.variables(), ["kept"]) == everywhere(["kept"])

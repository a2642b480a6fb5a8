"""Commands that are killed, or find another one at work: the same command finishes, and nothing is taken for done that is not."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import psycopg
import pytest

from bootstrap import places
from init.migrations import checksum
from init.resources.job import JOB_LABEL, STACK_LABEL, sweep
from tests.e2e import clients
from tests.e2e.live import LiveStack
from tests.e2e.migrate.karen import NAME, Brought, Karen

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_another_update_in_progress_is_named(brought: Brought) -> None:
    karen = brought.karen
    pin, process = karen.pin("postgres"), karen.stack.begin()
    try:
        wait_until(lambda: bool(locks(karen.stack)), "an update with a lock")
        os.kill(process.pid, signal.SIGSTOP)
        told = karen.run("migrate", "down", "postgres", "--to", karen.shipped["postgres"], "--yes", code=1).stderr
        assert f"The stack {karen.stack.name} is locked by process {process.pid}" in told
        assert "Fix: wait for that update to end" in told
        assert karen.pin("postgres") == pin
    finally:
        os.kill(process.pid, signal.SIGCONT)
        assert process.wait(timeout=120) == 0


@pytest.mark.parametrize(
    ("engine", "moment"),
    [
        ("postgres", "update"),
        pytest.param("elasticsearch", "job", marks=pytest.mark.full),
        pytest.param("postgres", "pin", marks=pytest.mark.full),
    ],
)
def test_a_killed_way_back_is_finished_by_the_same_command(brought: Brought, engine: str, moment: str) -> None:
    """Killed with all its processes when it has set the pin, while its job runs, and while Pulumi records."""
    karen = brought.karen
    if karen.pin(engine) == karen.shipped[engine]:
        karen.run("migrate", "up", engine, "--to", "latest", "--yes")
    command = ("migrate", "down", engine, "--to", karen.shipped[engine], "--yes")
    killed_when(karen.begin(*command), lambda: reached(karen, engine, moment), moment)
    karen.run(*command)
    assert karen.pin(engine) == karen.shipped[engine]
    karen.is_clean()


def test_a_file_that_was_edited_while_it_was_half_applied_fails_in_the_preview(brought: Brought) -> None:
    """The update and its job are killed after the first of three statements; as it was, the file is finished."""
    karen, first = brought.karen, brought.karen.added("postgres")
    path = first.with_name(f"{int(first.name[:3]) + 1:03}_{NAME}_slow.sql")
    back = path.with_name(f"{path.stem}.down.sql")
    text = "-- transactional: false\nCREATE TABLE e2e_first ();\nSELECT pg_sleep(5);\nCREATE TABLE e2e_last ();\n"
    path.write_text(text)
    back.write_text("DROP TABLE IF EXISTS e2e_first, e2e_last;\n")
    try:
        with clients.postgres(karen.stack.variables()) as connection:
            process = karen.begin("migrate", "up", "postgres", "--to", "latest", "--yes")
            killed_when(process, lambda: tables(connection) == ["e2e_first"], "first statement")
            # It goes on without the update that has started it.
            assert sweep(karen.stack.name, "postgres") == 1
            edited = text.replace("e2e_last", "e2e_other")
            path.write_text(edited)
            done = karen.stack.pulumi("preview", check=False)
            assert done.returncode != 0
            for part in (
                f"postgres/{path.name}",
                checksum(text),
                checksum(edited),
                "while it was half applied",
                "Fix: ",
            ):
                assert part in done.stdout
            path.write_text(text)
            karen.run("migrate", "up", "postgres", "--to", "latest", "--yes")
            assert tables(connection) == ["e2e_first", "e2e_last"]
        karen.is_clean()
        karen.run("migrate", "down", "postgres", "--to", first.name[:3], "--yes")
    finally:
        path.unlink()
        back.unlink()


def tables(connection: "psycopg.Connection[Any]") -> list[str]:
    """Return which of the killed migration's tables are there."""
    names = ["e2e_first", "e2e_last", "e2e_other"]
    found = connection.execute("SELECT tablename FROM pg_tables WHERE tablename = ANY(%s) ORDER BY 1", [names])
    return [name for (name,) in found]


def killed_when(process: "subprocess.Popen[bytes]", condition: Callable[[], bool], what: str) -> None:
    """Kill a command with all its processes at a moment; AssertionError if it ended before."""
    try:
        wait_until(lambda: condition() or process.poll() is not None, what)
        assert process.poll() is None, f"the command ended before its {what}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def reached(karen: Karen, engine: str, moment: str) -> bool:
    """Whether a `down` has come so far; its job is the one that follows the pin."""
    if moment == "update":
        return bool(locks(karen.stack))
    setting = f"{engine}SchemaVersion: .?{karen.shipped[engine]}"
    pinned = re.search(setting, karen.stack.file.read_text()) is not None
    return pinned and (moment == "pin" or bool(jobs(karen.stack, engine)))


def jobs(stack: LiveStack, engine: str) -> list[str]:
    """Return the running jobs of an engine that are outside an update."""
    client = docker.from_env()
    try:
        labels = [f"{STACK_LABEL}={stack.name}", f"{JOB_LABEL}={engine}-outside"]
        return [one["Id"] for one in client.api.containers(filters={"label": labels})]
    finally:
        client.close()


def locks(stack: LiveStack) -> list[Path]:
    """Return the locks that Pulumi holds on a stack."""
    directory = places.home() / "state" / ".pulumi" / "locks" / "organization" / places.PROJECT / stack.name
    return list(directory.glob("*.json"))


def wait_until(condition: Callable[[], bool], what: str, *, within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {within} s"
        time.sleep(0.02)

"""Migrations of a live stack through `./karen migrate` and `pulumi preview`: what one writes, the other agrees with."""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from bootstrap import places
from init.migrations import checksum
from init.resources.initialization import DATA
from init.resources.job import JOB_LABEL, STACK_LABEL
from tests.e2e import clients
from tests.e2e.by_hand import CHANGES, deleted, duplicate, gap, renamed, reordered
from tests.e2e.karen import ADDED, NAME, Karen
from tests.e2e.live import LiveStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@dataclass
class Brought:
    """A stack with one migration more in two engines, and what was seen on the way."""

    karen: Karen
    preview: str
    before: dict[str, Any]
    after_preview: dict[str, Any]
    up: dict[str, Any]


@pytest.fixture(scope="module")
def brought(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brought]:
    """The session's stack after a preview and an `up`; as it was when the module is done."""
    data = tmp_path_factory.mktemp("migrations") / "data"
    shutil.copytree(DATA, data)
    karen = Karen(stack, data)
    with pytest.MonkeyPatch.context() as patch:
        # Pulumi's program and its providers read the copy as well.
        patch.setenv("KAREN_DATA", str(data))
        try:
            karen.write()
            before = karen.inventory()
            preview = stack.pulumi("preview").stdout
            after = karen.inventory()
            yield Brought(karen, preview, before, after, karen.json("migrate", "up", "--yes"))
        finally:
            karen.restore(DATA)
    stack.pulumi("preview", "--expect-no-changes")


def test_a_preview_names_what_is_pending_and_writes_nothing(brought: Brought) -> None:
    for engine in ADDED:
        assert f"{engine}: migration {brought.karen.added(engine).stem} is pending" in brought.preview
    assert brought.after_preview == brought.before


def test_up_applies_what_is_pending_and_pulumi_agrees(brought: Brought) -> None:
    karen = brought.karen
    applied = {one["engine"]: one["applied"] for one in brought.up["engines"] if one["applied"]}
    assert applied == {engine: [karen.added(engine).stem] for engine in ADDED}
    env = karen.stack.variables()
    with clients.postgres(env) as connection:
        assert connection.execute("SELECT count(*) FROM e2e_notes").fetchone() == (0,)
        rows = connection.execute(
            "SELECT service, dirty FROM migration_history WHERE migration_name LIKE %s", [f"%{NAME}"]
        )
        assert sorted(rows.fetchall()) == [("elasticsearch", False), ("postgres", False)]
    assert clients.elasticsearch(env).indices.exists_alias(name="ai_karen_e2e")
    karen.is_clean()
    assert karen.json("migrate", "up")["changed"] is False


def test_a_version_can_be_asked_for_and_is_kept_to(brought: Brought) -> None:
    """Down, the pin taken out by hand, and up to a version: the preview follows each of them."""
    karen = brought.karen
    first = karen.added("postgres")
    later = first.with_name(f"{int(first.name[:3]) + 1:03}_{NAME}_tags.sql")
    later.write_text("CREATE TABLE e2e_tags (id integer);\n")
    with clients.postgres(karen.stack.variables()) as connection:
        connection.execute("INSERT INTO e2e_notes VALUES (1, 'to be lost')")
    told = karen.json("migrate", "down", "postgres", "--to", karen.shipped["postgres"], "--yes")
    assert told["reverted"] == [first.stem]
    assert told["lost"] == {"e2e_notes": 1}
    assert karen.pin("postgres") == karen.shipped["postgres"]
    karen.is_clean()
    karen.stack.pulumi("config", "rm", "ai-karen-db:postgresSchemaVersion")
    printed = karen.stack.pulumi("preview").stdout
    for path in (first, later):
        assert f"postgres: migration {path.stem} is pending" in printed
    karen.run("migrate", "up", "postgres", "--to", first.name[:3], "--yes")
    assert karen.pin("postgres") == first.name[:3]
    karen.is_clean()
    later.unlink()


def test_an_edited_file_is_refused_until_it_is_accepted(brought: Brought) -> None:
    karen, path = brought.karen, brought.karen.added("postgres")
    original = path.read_text()
    try:
        path.write_text(original + "-- edited\n")
        for printed in (
            karen.stack.pulumi("preview", check=False).stdout,
            karen.run("migrate", "up", "--yes", code=1).stderr,
        ):
            for part in (f"postgres/{path.name}", checksum(original), checksum(path.read_text()), "repair postgres"):
                assert part in printed
        assert karen.json("migrate", "repair", "postgres", "--yes")["changed"] is True
        karen.is_clean()
    finally:
        path.write_text(original)
    karen.run("migrate", "repair", "postgres", "--yes")


@pytest.mark.parametrize(
    "happened",
    [deleted, duplicate, *(pytest.param(one, marks=pytest.mark.full) for one in (renamed, reordered, gap))],
    ids=lambda one: one.__name__,
)
def test_files_that_are_no_sequence_fail_in_the_preview(brought: Brought, happened: Callable[[Path], None]) -> None:
    karen, folder = brought.karen, brought.karen.data / "elasticsearch"
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    try:
        happened(karen.added("elasticsearch"))
        done = karen.stack.pulumi("preview", check=False)
    finally:
        shutil.rmtree(folder)
        folder.mkdir()
        for name, content in kept.items():
            (folder / name).write_bytes(content)
    assert done.returncode != 0
    assert happened.__name__ in done.stdout
    assert "Fix: " in done.stdout


def test_what_was_changed_by_hand_is_named(brought: Brought) -> None:
    """In every engine, by a refresh and by `verify`; changed back, it is named no more."""
    karen, env = brought.karen, brought.karen.stack.variables()
    with ExitStack() as changes:
        words = {engine: changes.enter_context(change(env)) for engine, change in CHANGES.items()}
        refreshed = karen.stack.pulumi("refresh", "--yes").stdout
        told = karen.json("migrate", "verify", code=1)["differences"]
    for engine, expected in words.items():
        for part in expected:
            assert any(part in one["message"] for one in told if one["engine"] == engine), f"{engine}: {told}"
            assert any(part in line for line in refreshed.splitlines() if f"{engine}: " in line), refreshed
    assert {one["kind"] for one in told} == {"drift"}
    karen.is_clean()


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


def test_without_a_way_back_nothing_is_changed(brought: Brought) -> None:
    karen = brought.karen
    path, pin = karen.added("postgres"), karen.pin("postgres")
    back = path.with_name(f"{path.stem}.down.sql")
    content = back.read_text()
    back.unlink()
    try:
        told = karen.run("migrate", "down", "postgres", "--yes", code=1).stderr
    finally:
        back.write_text(content)
    assert f"{path.name}: has no way back. Fix: write init/data/postgres/{back.name}" in told
    assert karen.pin("postgres") == pin
    assert karen.json("migrate", "verify", "postgres")["clean"] is True


@pytest.mark.parametrize(
    ("engine", "moment"),
    [("postgres", "update"), ("elasticsearch", "job"), pytest.param("postgres", "pin", marks=pytest.mark.full)],
)
def test_a_killed_way_back_is_finished_by_the_same_command(brought: Brought, engine: str, moment: str) -> None:
    """Killed with all its processes when it has set the pin, while its job runs, and while Pulumi records."""
    karen = brought.karen
    if karen.pin(engine) == karen.shipped[engine]:
        karen.run("migrate", "up", engine, "--yes")
    command = ("migrate", "down", engine, "--to", karen.shipped[engine], "--yes")
    process = karen.begin(*command)
    try:
        wait_until(lambda: reached(karen, engine, moment) or process.poll() is not None, moment)
        assert process.poll() is None, f"the command ended before its {moment}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    karen.run(*command)
    assert karen.pin(engine) == karen.shipped[engine]
    karen.is_clean()


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

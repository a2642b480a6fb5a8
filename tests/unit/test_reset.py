"""`./karen reset`: who may, what is shown first, and what is left when it is cut off; with a stack that is only told of."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from components.machine import generation, generation_file
from init.engines.base import WIPE_FAILED
from init.resources import data
from init.resources.job import JobError
from ops.cli.app import app
from ops.cli.backup import asking
from ops.cli.errors import Refused
from ops.cli.migrate import pins, update
from ops.cli.recorded import Recorded
from ops.cli.services import health, jobs, reset
from tests.unit.graph import build
from tests.unit.test_cli_known import known

HEALTHY = {"status": "healthy", "state": "healthy", "cause": None}
LOCKED = JobError(
    "wipe: Locked: minio: its migrations are locked by somebody; nothing was touched. Fix: wait", "Locked"
)


@dataclass
class Stack:
    """A stack with PostgreSQL, what its engines answer, and what was done to it in order."""

    settings: dict[str, Any] = field(default_factory=lambda: {"imageSource": "build"})
    row: dict[str, Any] = field(default_factory=lambda: {**HEALTHY, "contents": {"memory": 1200, "audit_log": 0}})
    protected: bool = False
    wipe_fails: Exception | None = None
    update_fails: Exception | None = None
    sets: list[dict[str, Any]] = field(default_factory=list)
    check_fails: Exception | None = None
    checked: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def recorded(self, name: str) -> Recorded:
        return Recorded(name, {"postgres": known().record}, None, protected=self.protected)

    @contextmanager
    def started(self, _job: Mapping[str, Any], action: str, **_: object) -> Iterator[Callable[..., Any]]:
        def ask() -> dict[str, Any]:
            self.done.append(action)
            if self.wipe_fails is not None:
                raise self.wipe_fails
            return {"postgres": {"seconds": 0.1}}

        yield ask

    def update(self, printer: Any, engines: list[str], **_: object) -> Recorded:
        self.done.append(f"initialize {engines}")
        if self.update_fails is not None:
            raise self.update_fails
        return self.recorded(printer.stack)

    def quietly(self, _: object, step: str, **request: Any) -> dict[str, Any]:
        if step == "list":
            return {"sets": self.sets}
        self.checked.append(request["set"])
        if self.check_fails is not None:
            raise self.check_fails
        return {}

    def run(self, *arguments: str) -> Any:
        return CliRunner().invoke(app, ["reset", *arguments])


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stack:
    stack = Stack()
    # No monitor is looked for.
    monkeypatch.setenv("KAREN_MAINTENANCE", "a test")
    monkeypatch.setenv("KAREN_HOME", str(tmp_path))
    monkeypatch.setattr(Recorded, "read", stack.recorded)
    monkeypatch.setattr(pins, "configuration", lambda _: stack.settings)
    monkeypatch.setattr(jobs, "described", lambda _: {})
    monkeypatch.setattr(asking, "described", lambda _: None)
    monkeypatch.setattr(asking, "quietly", stack.quietly)
    monkeypatch.setattr(jobs, "started", stack.started)
    monkeypatch.setattr(health, "asked", lambda *_, **__: [{"service": "postgres", **stack.row}])
    monkeypatch.setattr(update, "ensure_free", lambda _: None)
    monkeypatch.setattr(update, "update", stack.update)
    return stack


def test_what_is_lost_is_shown_and_then_everything_is_made_again(stack: Stack) -> None:
    result = stack.run("--yes")
    assert result.exit_code == 0
    assert stack.done == ["wipe", "initialize ['postgres']"]
    first, last = result.stdout.splitlines()
    assert first == "postgres: 1,200 rows will be lost: memory 1,200, 1 empty"
    assert last.startswith("Done: dev is empty and initialized again, in ")
    assert result.stderr.splitlines() == [
        "looking at what the engines hold",
        "emptying the engines",
        "initializing them",
    ]
    told = json.loads(stack.run("--yes", "--json").stdout)
    assert told["engines"] == [
        {"engine": "postgres", "lost": stack.row["contents"], "seconds": 0.1, "version": known().record.version}
    ]
    assert set(told["seconds"]) == {"looked", "emptied", "total"}


@pytest.mark.parametrize(
    ("settings", "protected", "arguments", "code", "words"),
    [
        ({}, False, [], 1, "nothing was changed. Fix: add --yes"),
        ({}, False, ["--confirm", "prod"], 1, "--confirm is 'prod', and the stack is 'dev'"),
        ({}, False, ["--confirm", "dev"], 0, ""),
        ({"mode": "production"}, False, ["--yes"], 1, "dev is in production: --yes is not enough"),
        ({"mode": "production"}, False, ["--yes", "--confirm", "prod"], 1, "--confirm is 'prod'"),
        ({"mode": "production"}, False, [], 1, "nothing was changed. Fix: add --confirm dev"),
        ({"mode": "production"}, False, ["--confirm", "dev"], 0, ""),
        # What Pulumi has recorded counts as well: the configuration may be another clone's.
        ({}, True, ["--yes"], 1, "Fix: ./karen reset --stack dev --confirm dev"),
        ({"enableBackups": "true"}, False, ["--yes"], 1, "ai-karen-db:enableBackups is true"),
        ({"enableBackups": True}, False, ["--confirm", "dev"], 1, "Fix: ./karen backup create --stack dev"),
        ({"postgresMemory": "lots"}, False, ["--yes"], 1, "ai-karen-db:postgresMemory is 'lots'"),
        ({"postgresSchemaVersion": "777"}, False, ["--yes"], 1, "ai-karen-db:postgresSchemaVersion is 777"),
    ],
)
def test_nothing_is_touched_without_the_right_leave(
    stack: Stack, settings: dict[str, Any], protected: bool, arguments: list[str], code: int, words: str
) -> None:
    stack.settings |= settings
    stack.protected = protected
    result = stack.run(*arguments)
    assert (result.exit_code, bool(stack.done)) == (code, code == 0), result.stderr
    assert words in result.stderr
    assert generation_file("dev").exists() == (code == 0)


def made(minutes: float) -> dict[str, Any]:
    return {"id": f"{minutes}", "good": True, "began": time.time() - 60 * minutes, "engines": {"postgres": True}}


def test_with_backups_there_must_be_a_whole_set_of_now(stack: Stack) -> None:
    stack.settings["enableBackups"] = "true"
    stack.sets = [made(61)]
    result = stack.run("--yes")
    assert (result.exit_code, stack.done, stack.checked) == (1, [], [])
    assert "no good set of postgres was begun within the last hour. Nothing was touched." in result.stderr
    stack.sets = [made(61), made(59)]
    assert "backup: 59, which is whole" in stack.run("--yes").stdout
    assert (bool(stack.done), stack.checked) == (True, ["59"])


def test_a_set_that_is_damaged_is_no_backup(stack: Stack) -> None:
    stack.settings["enableBackups"] = "true"
    stack.sets, stack.check_fails = [made(5)], Refused("backup: 5: 1 of 3 files: base.tar. Fix: use another set")
    result = stack.run("--yes")
    assert (result.exit_code, stack.done) == (1, [])
    assert result.stderr.splitlines()[-2:] == [
        "backup: 5: 1 of 3 files: base.tar.",
        "The set 5 is not to be relied on. Nothing was touched. Fix: ./karen backup create --stack dev",
    ]
    assert not generation_file("dev").exists()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({**HEALTHY, "state": "paused", "cause": "postgres"}, "postgres: is paused. Fix: ./karen restart postgres"),
        (
            {**HEALTHY, "status": "in use", "error": {"message": "duckdb: still in use by pid 7", "fix": "end it"}},
            "duckdb: still in use by pid 7. Fix: end it",
        ),
    ],
)
def test_a_server_that_is_not_healthy_is_reported_and_nothing_is_asked(
    stack: Stack, row: dict[str, Any], words: str
) -> None:
    stack.row = row
    result = stack.run()
    assert (result.exit_code, stack.done) == (1, [])
    assert words in result.stderr
    assert result.stderr.endswith("Nothing was touched.\n")


def test_migrations_that_could_not_be_applied_are_found_first(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "postgres").mkdir(parents=True)
    (tmp_path / "data" / "postgres" / "002_second.sql").write_text("SELECT 1;\n")
    monkeypatch.setattr(data, "DIRECTORY", tmp_path / "data")
    result = stack.run("--yes")
    assert (result.exit_code, stack.done) == (1, [])
    assert "gap" in result.stderr


def test_an_engine_that_is_not_enabled_any_more_is_found_first(stack: Stack) -> None:
    record = known().record
    recorded = Recorded("dev", {"redis": record}, None)
    assert list(reset._problems({"enableRedis": "false"}, recorded)) == [
        "redis is up and not enabled any more. Fix: make up STACK=dev"
    ]


@pytest.mark.parametrize(
    ("error", "begun"),
    [
        (LOCKED, False),
        (JobError("wipe: cut off", ""), True),
        (JobError("redis: not everything", WIPE_FAILED), True),
        # Whatever that was, it may have come after the first engine was emptied.
        (JobError("duckdb: its process ended with code -9", "Unexpected"), True),
    ],
)
def test_a_later_update_initializes_what_may_have_been_emptied(stack: Stack, error: JobError, begun: bool) -> None:
    generation_file("dev").parent.mkdir()
    generation_file("dev").write_text("earlier")
    stack.wipe_fails = error
    result = stack.run("--yes")
    assert (result.exit_code, stack.done) == (1, ["wipe"])
    assert str(error) in result.stderr
    assert (generation("dev") != "earlier") == begun


def test_with_another_generation_every_engine_is_initialized_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAREN_HOME", str(tmp_path))
    before = build()[0].of("Initialization")
    generation_file("dev").parent.mkdir()
    generation_file("dev").write_text("another")
    after = build()[0].of("Initialization")
    assert len(after) == 6
    for name, inputs in after.items():
        assert inputs["identity"] == f"{before[name]['identity']}another"
        assert {key for key in inputs if inputs[key] != before[name][key]} == {"identity"}


def test_an_update_that_fails_is_made_by_the_same_command(stack: Stack) -> None:
    stack.update_fails = Refused("The update of dev failed.")
    result = stack.run("--yes")
    assert result.exit_code == 1
    assert result.stderr.endswith(
        "The update of dev failed.\nThe engines are empty, and not all are initialized: run the same command again.\n"
    )

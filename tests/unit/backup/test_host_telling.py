"""What is shown while jobs work, and what else is around them."""

import io
import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest
from rich.console import Console
from typer.testing import CliRunner

from ops.backups import reporting, standing
from ops.backups.reporting import Reporter, reporter
from ops.cli import leases
from ops.cli.app import app
from ops.for_stack import for_stack
from tests.unit.containers import refusal


def test_elsewhere_than_on_a_terminal_progress_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(reporting, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with reporter() as shown:
        for second in range(12):
            now[0] = float(second)
            shown.tell(f"redis: {second} of 12 MB")
            shown.tell(f"milvus: {second} of 12 rows")
        shown.tell("redis: done in 12 s")
        shown.tell("a line of a library")
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert [line for line in lines if line.startswith("redis")] == [
        "redis: 0 of 12 MB",
        "redis: 5 of 12 MB",
        "redis: 10 of 12 MB",
        "redis: done in 12 s",
    ]
    assert (len(lines), lines[-1]) == (8, "a line of a library")


def test_quietly_nothing_is_shown_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    Reporter(quiet=True).tell("redis: 1 of 2 MB")
    assert capsys.readouterr() == ("", "")


def test_a_terminal_has_a_line_for_each_engine_with_any_text_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(reporting, "Console", lambda **_: Console(file=screen, force_terminal=True, width=100))
    with reporter() as shown:
        for line in ("[/red]: [/b] 3 of 12 MB", "redis: 0 of 0 MB", "redis: done", "redis: [1] 1 of 2 MB", "no engine"):
            shown.tell(line)
    first, last, _ = screen.getvalue().split("\n")[-3:]
    assert ("[/red]" in first, "[/b] 3 of 12 MB" in first) == (True, True)
    assert ("redis" in last, "[1] 1 of 2 MB" in last) == (True, True)
    drawn = screen.getvalue()
    with reporter(quiet=True) as plain:
        plain.tell("redis: 1 of 2 MB")
    assert screen.getvalue() == drawn


class Containers:
    """The one container that makes sets, as far as there is one."""

    def __init__(self, *, there: bool = True) -> None:
        self.there, self.done = there, list[str]()

    def stop(self, name: str, timeout: int) -> None:
        assert timeout > 45
        self._do("stop", name)

    def start(self, name: str) -> None:
        self._do("start", name)

    def _do(self, what: str, name: str) -> None:
        if not self.there:
            raise refusal(f"No such container: {name}", 404)
        self.done.append(what)


@pytest.mark.parametrize("there", [True, False])
def test_the_services_run_again_however_a_restore_ends(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    api = Containers(there=there)
    monkeypatch.setattr(docker, "from_env", lambda **_: SimpleNamespace(api=api, close=lambda: None))
    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error), standing.paused("backups", "relay"):
            raise error
    # Where it does not run at first, one that was killed has left it so: `stop` is nothing then.
    assert api.done == (["stop", "stop", "start", "start"] * 2 if there else [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Fix: ./karen backup list", "Fix: ./karen backup list --stack prod"),
        ("./karen backup create --label a-b; then", "./karen backup create --label a-b --stack prod; then"),
        (
            "./karen backup restore latest --only redis, or",
            "./karen backup restore latest --only redis --stack prod, or",
        ),
        ("./karen backup restore 20261122T0200 or", "./karen backup restore 20261122T0200 --stack prod or"),
        ("./karen backup show 20261122T0200.", "./karen backup show 20261122T0200 --stack prod."),
        (
            "./karen backup restore 20261122T020001.048213Z-1f2e --only redis.",
            "./karen backup restore 20261122T020001.048213Z-1f2e --only redis --stack prod.",
        ),
        ("succeed: ./karen backup restore --give-up", "succeed: ./karen backup restore --give-up --stack prod"),
        ("./karen backup schedule show.", "./karen backup schedule show --stack prod."),
        ("./karen backup prune --dry-run", "./karen backup prune --dry-run --stack prod"),
        (
            "./karen backup verify latest --deep --identity dev.identity.",
            "./karen backup verify latest --deep --identity dev.identity --stack prod.",
        ),
        (
            "./karen backup identity --write /mnt/a/prod.identity, and keep it",
            "./karen backup identity --write /mnt/a/prod.identity --stack prod, and keep it",
        ),
        (
            "./karen backup restore --at 2026-11-22T10:15:00Z (see",
            "./karen backup restore --at 2026-11-22T10:15:00Z --stack prod (see",
        ),
        ("./karen reconcile --dry-run", "./karen reconcile --dry-run --stack prod"),
        ("./karen logs backups tells why", "./karen logs backups --stack prod tells why"),
        ("./karen backup restore x --stack dev --into prod", "./karen backup restore x --stack dev --into prod"),
    ],
)
def test_a_command_of_backups_names_its_stack_once(text: str, told: str) -> None:
    assert for_stack(text, "prod") == told
    assert for_stack(told, "prod") == told


def test_a_lease_tells_a_command_that_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []

    def maintenance(stack: str, command: str, _: Any) -> AbstractContextManager[None]:
        told.append((stack, command))
        return nullcontext()

    monkeypatch.setattr(leases, "maintenance", maintenance)
    for command in ("./karen reset", "./karen backup restore latest --stack prod --into dev"):
        with leases.leased("dev", command):
            pass
    # The last of two would count: its own sets would be put in the place of what prod's are to come to.
    assert told == [
        ("dev", "./karen reset --stack dev"),
        ("dev", "./karen backup restore latest --stack prod --into dev"),
    ]


def test_an_error_of_a_restore_is_about_the_stack_that_it_goes_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAREN_HOME", str(tmp_path))
    done = CliRunner().invoke(app, ["backup", "restore", "--stack", "prod", "--into", "test", "--json"])
    assert done.exit_code == 2
    assert json.loads(done.stdout) == {
        "schema": 1,
        "stack": "test",
        "error": "The stack test is not up. Fix: make up STACK=test",
        "exit": 2,
    }

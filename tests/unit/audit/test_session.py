"""What a command leaves in the record: who, from where, what, and what became of it; and never a secret."""

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bootstrap import places
from ops.audit import record
from ops.audit.arguments import recorded as brief
from ops.audit.current import agent, note
from ops.audit.session import recorded
from ops.cli.app import app
from ops.cli.errors import Refused
from ops.cli.printer import Printer
from tests.unit.audit.recording import STACK, written

COMMANDS = {
    **{name: [] for name in ("start", "stop", "restart", "reset", "reconcile")},
    "shell": ["postgres"],
    "load": ["postgres", "memory", __file__],
    **{f"migrate {name}": [] for name in ("up", "repair")},
    **{f"migrate {name}": ["postgres"] for name in ("down", "confirm")},
    "migrate baseline": ["postgres", "--to", "1"],
    **{f"backup {name}": [] for name in ("create", "restore", "prune", "identity", "drill")},
    "destroy": ["--yes"],
    "rotate": ["all", "--yes"],
    "upgrade": ["postgres", "--yes"],
    "certificates renew": ["redis", "--yes"],
}
LOOKING = (
    *("config", "connect", "migrate status", "migrate plan", "migrate verify", "backup list", "backup show"),
    *("backup verify", "backup schedule show", "audit verify", "audit export", "audit show"),
)


@pytest.fixture(autouse=True)
def begun() -> None:
    """The stack has a record of two entries."""
    written(2)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--stack", STACK], prog_name="./karen", env={"COLUMNS": "300"})


def new() -> list[dict[str, Any]]:
    return [json.loads(line) for line in record.lines_of(STACK)[2:]]


def test_a_command_has_a_begin_and_an_outcome() -> None:
    done = run("migrate", "up", "postgres", "--to", "2", "--yes")
    assert (done.exit_code, done.stderr) == (2, f"The stack {STACK} is not up. Fix: make up STACK={STACK}\n")
    begin, outcome = new()
    assert (begin["event"], begin["command"]) == ("begin", "karen migrate up")
    assert begin["arguments"] == {"engine": "postgres", "to": "2", "yes": True}
    assert (begin["user"], begin["host"]) == (pwd.getpwuid(os.getuid()).pw_name, socket.gethostname())
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=places.CHECKOUT, capture_output=True, text=True, check=True)
    assert begin["commit"] == head.stdout.strip()
    assert isinstance(begin["dirty"], bool)
    assert (outcome["event"], outcome["run"], outcome["result"], outcome["exit"]) == (
        "outcome", begin["run"], "failed", 2
    )  # fmt: skip
    assert 0 <= outcome["seconds"] < 10


def test_the_user_is_the_system_s_and_not_the_environment_s(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    run("migrate", "up")
    assert new()[0]["user"] == pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_changes_something_is_recorded(name: str) -> None:
    run(*name.split(), *COMMANDS[name])
    begin, outcome = new()
    assert (begin["command"], outcome["run"]) == (f"karen {name}", begin["run"])


@pytest.mark.parametrize("name", LOOKING)
def test_what_only_looks_is_not(name: str) -> None:
    run(*name.split())
    assert new() == []


def test_nothing_is_recorded_of_a_stack_that_was_never_made() -> None:
    done = CliRunner().invoke(app, ["migrate", "up", "--stack", "nowhere"], prog_name="./karen")
    assert done.stderr == "The stack nowhere is not up. Fix: make up STACK=nowhere\n"
    assert not record.path("nowhere").exists()


def test_a_dry_run_changes_nothing_and_is_not_recorded() -> None:
    run("reconcile", "--dry-run")
    run("backup", "prune", "--dry-run")
    assert new() == []
    run("backup", "prune")
    assert [one["event"] for one in new()] == ["begin", "outcome"]


def test_arguments_that_may_hold_a_secret_are_named_and_not_recorded(tmp_path: Path) -> None:
    secret = "hunter2-in-the-wrong-place"
    mask = tmp_path / secret
    mask.write_text("-- nothing")
    run("backup", "restore", "latest", "--target", f"s3://key:{secret}@bucket", "--mask", str(mask), "--confirm", secret,
        "--at", secret, "--only", secret)  # fmt: skip
    run("migrate", "down", secret, "--to", secret)
    run("migrate", "confirm", "milvus", "p@ss w0rd")
    begins = [one for one in new() if one["event"] == "begin"]
    assert [one["arguments"] for one in begins] == [
        {"wanted": "latest", "withheld": ["at", "confirm", "mask", "only", "target"]},
        {"withheld": ["engine", "to"]},
        {"engine": "milvus", "withheld": ["names"]},
    ]
    text = record.path(STACK).read_text()
    assert secret not in text
    assert "w0rd" not in text


def test_a_restore_into_another_stack_is_in_that_one_s_record() -> None:
    run("backup", "restore", "--into", STACK, "--stack", "source")
    done = CliRunner().invoke(app, ["backup", "restore", "--stack", "source", "--into", STACK], prog_name="./karen")
    assert done.exit_code
    begin = new()[-2]
    assert (begin["command"], begin["arguments"]) == (
        "karen backup restore", {"from": "source", "into": STACK, "wanted": "latest"}
    )  # fmt: skip
    assert not record.path("source").exists()
    run("backup", "restore", "--into", STACK, "--stack", "p@ss w0rd")
    CliRunner().invoke(app, ["backup", "restore", "--stack", "p@ss w0rd", "--into", STACK], prog_name="./karen")
    assert new()[-2]["arguments"] == {"into": STACK, "wanted": "latest", "withheld": ["from"]}
    assert "w0rd" not in record.path(STACK).read_text()


def test_what_a_command_tells_is_kept_in_short() -> None:
    with recorded(STACK, "karen migrate up"):
        Printer(STACK).end(
            "Done.",
            {
                "changed": True,
                "engines": [{"engine": "postgres", "version": "003", "applied": ["003_a"], "lost": {"a": 1}}],
                "set": {"id": "20261122T0200Z-1f2e", "recipient": "age1…"},
                "rotated": ["postgres-password"],
                "password": "never",
            },
        )
    assert new()[-1]["facts"] == {
        "changed": True,
        "engines": ["postgres 003"],
        "rotated": ["postgres-password"],
        "set": "20261122T0200Z-1f2e",
    }
    note({"changed": True})
    assert agent() == ()


@pytest.mark.parametrize(
    ("error", "result", "code"),
    [(Refused("no"), "failed", 1), (KeyboardInterrupt(), "interrupted", 130), (RuntimeError("x"), "failed", 1)],
)
def test_however_it_ends_there_is_an_outcome(error: BaseException, result: str, code: int) -> None:
    with pytest.raises(type(error)), recorded(STACK, "karen stop"):
        raise error
    assert [new()[-1][key] for key in ("result", "exit")] == [result, code]


def test_a_command_that_is_killed_has_no_outcome_and_the_next_one_goes_on() -> None:
    program = f"import os, signal\nfrom ops.audit.session import recorded\nwith recorded({STACK!r}, 'karen stop'):\n    os.kill(os.getpid(), signal.SIGKILL)"
    environment = {**os.environ, "PYTHONPATH": str(places.CHECKOUT)}
    killed = subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    with recorded(STACK, "karen start"):
        pass
    assert [one["event"] for one in new()] == ["begin", "begin", "outcome"]


def test_nobody_works_unrecorded(home: Path) -> None:
    record.path(STACK).unlink()
    record.path(STACK).mkdir()
    done = run("migrate", "up")
    assert done.exit_code == 2
    assert f"The audit record {record.path(STACK)} cannot be written: Is a directory. Fix: " in done.stderr
    assert "is not up" not in done.stderr
    told: list[str] = []
    # But for whoever frees the disk.
    with recorded(STACK, "make erase", tell=told.append, must=False):
        told.append("erased")
    assert told[1] == "erased"
    assert [text[:24] for text in (told[0], told[2])] == ["audit: The audit record ", "audit: the outcome is no"]


def test_an_outcome_without_a_begin_tells_its_command() -> None:
    content = record.path(STACK).read_bytes()
    record.path(STACK).unlink()
    record.path(STACK).mkdir()
    with recorded(STACK, "make erase", {"yes": True}, tell=lambda text: None, must=False):
        record.path(STACK).rmdir()
        record.path(STACK).write_bytes(content)
    (outcome,) = new()
    assert (outcome["event"], outcome["command"], outcome["arguments"]) == ("outcome", "make erase", {"yes": True})
    assert (outcome["user"], outcome["host"]) == (pwd.getpwuid(os.getuid()).pw_name, socket.gethostname())
    shown = run("audit", "show").stdout
    assert "make erase (yes True)" in shown
    assert "2 commands are recorded" in shown


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("services", ["redis", "milvus"], True),
        ("services", ["redis", "s3cret"], False),
        ("to", "latest", True),
        ("to", "012", True),
        ("to", "0123", False),
        ("at", "2026-11-22T10:15:00Z", True),
        ("at", "2026-11-22 10:15:00.5+01:00", True),
        ("at", "yesterday", False),
        ("wanted", "20261122T0200", True),
        ("wanted", "a b", False),
    ],
)
def test_values_are_recorded_in_their_known_forms(name: str, value: Any, kept: bool) -> None:
    assert brief({name: value, "stack": "dev", "json": True}, [name]) == (
        {name: value} if kept else {"withheld": [name]}
    )

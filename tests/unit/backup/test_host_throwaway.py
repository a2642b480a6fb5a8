"""Stacks of drills: what is left of a killed one is found and removed, and nothing else is, whatever it is called."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest

from bootstrap import places, state
from components.machine import data_directory, generation_file
from ops.backups import drills, throwaway
from ops.pulumi import PulumiError

DRILL = "drill-0123abcd"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a checkout in which nothing was ever made, on an engine that has nothing."""
    monkeypatch.setenv("KAREN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(places, "CHECKOUT", tmp_path / "checkout")
    (tmp_path / "checkout").mkdir()
    engine = SimpleNamespace(close=lambda: None)
    monkeypatch.setattr(docker, "from_env", lambda: engine)
    monkeypatch.setattr(throwaway, "find", lambda *_: {})
    monkeypatch.setattr(throwaway, "remove", lambda *_: None)
    return tmp_path / "home"


def made(name: str, owner: int | None) -> list[Path]:
    """Leave what a drill leaves that is killed while it works; return its files."""
    files = [
        places.CHECKOUT / f"Pulumi.{name}.yaml",
        places.home() / "passphrases" / name,
        state.stack_file(name).with_name(f"{name}.json.bak"),
        generation_file(name),
        data_directory(name) / "duckdb" / "kari.db",
        places.home() / "state" / ".pulumi" / "backups" / places.PROJECT / name / f"{name}.1.json",
        *([places.home() / "drills" / name] if owner is not None else []),
    ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(owner))
    return files


def ended() -> int:
    """Return the id of a process that has been there."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


@pytest.mark.usefixtures("home")
def test_what_a_killed_drill_has_left_is_found_and_removed() -> None:
    files = made(DRILL, ended())
    assert throwaway.left() == [DRILL]
    throwaway.erase(DRILL)
    assert [path for path in files if path.exists()] == []
    assert throwaway.left() == []


@pytest.mark.usefixtures("home")
def test_a_drill_that_goes_on_and_a_stack_that_is_only_called_so_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made(DRILL, os.getpid())
    # Somebody's own stack, or a drill of somebody else in the same checkout: nothing here says who made it.
    made("drill-89abcdef", None)
    made("drill-prod", None)
    drills.write("drill-prod", {"good": True, "ended": 1.0})
    (places.home() / "drills" / "drill-of-mine").write_text(str(ended()))
    assert throwaway.left() == []

    def refuse(*_: Any) -> None:
        raise PermissionError

    made("drill-00000000", ended())
    monkeypatch.setattr(os, "kill", refuse)
    assert throwaway.left() == []


@pytest.mark.usefixtures("home")
def test_a_removal_that_is_cut_off_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    files = made(DRILL, ended())
    unlink = Path.unlink

    def cut(path: Path, missing_ok: bool = False) -> None:
        if path == files[1]:
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", cut)
        with pytest.raises(KeyboardInterrupt):
            throwaway.erase(DRILL)
    assert throwaway.left() == [DRILL]
    throwaway.erase(DRILL)
    assert [path for path in files if path.exists()] == []


@pytest.mark.parametrize("error", [PulumiError("no place is left"), KeyboardInterrupt()])
def test_nothing_is_left_of_a_stack_that_does_not_come_up(
    home: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: Any) -> None:
        raise error

    seen: list[str] = []

    def run(name: str, *arguments: str) -> str:
        assert arguments[:2] == ("stack", "init")
        seen.append(places.passphrase_file(name).read_text())
        return ""

    monkeypatch.setattr(throwaway, "run", run)
    monkeypatch.setattr(throwaway, "start", fail)
    with pytest.raises(type(error)), throwaway.throwaway({"enableMilvus": "false"}, lambda _: None):
        pytest.fail("it is not up")
    # Its secrets had a passphrase of their own.
    assert [len(one) for one in seen] == [43]
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert list(places.CHECKOUT.iterdir()) == []


def test_a_throwaway_stack_is_in_production_with_files_for_its_owner_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    monkeypatch.setattr(throwaway, "run", lambda *_: "")
    monkeypatch.setattr(throwaway, "_up", lambda _: None)
    with throwaway.throwaway({"enableMilvus": "false", "mode": "development"}, lambda _: None) as name:
        text = (places.CHECKOUT / f"Pulumi.{name}.yaml").read_text()
        assert "ai-karen-db:mode: production" in text
        assert "ai-karen-db:enableMilvus: 'false'" in text
        assert places.passphrase_file(name).stat().st_mode & 0o777 == 0o600
        assert throwaway.left() == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"good": true}', "\xff"])
def test_a_result_that_cannot_be_read_is_none(home: Path, text: str) -> None:
    del home
    path = drills.path("dev")
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="latin-1")
    assert drills.read("dev") is None
    drills.write("dev", {"good": False, "ended": 2.0, "error": "x"})
    assert drills.read("dev") == {"good": False, "ended": 2.0, "error": "x"}

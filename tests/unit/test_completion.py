"""Completion in a real bash, by the name on PATH and by a path, with names from a state on disk."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bootstrap import places
from ops.graph import CONTAINER

_INITIALIZATION = "pulumi-python:dynamic/karen:Initialization"
ENGINES = {"postgres": {"001_a": "x"}, "redis": {}, "minio": {"001_a": "x"}, "milvus": {"001_a": "x"}}


def resource(name: str, kind: str, **outputs: Any) -> dict[str, Any]:
    return {"urn": f"u::{name}", "type": kind, "outputs": outputs}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two stacks, and the command itself: what `./karen` runs once it has found its environment."""
    home = tmp_path_factory.mktemp("home")
    stacks = home / "state" / ".pulumi" / "stacks" / places.PROJECT
    stacks.mkdir(parents=True)
    resources = [
        *(resource(f"{name}-container", CONTAINER) for name in ("postgres", "milvus", "minio", "etcd")),
        *(resource(f"{name}-initialization", _INITIALIZATION, service=name, migrations=files)
          for name, files in ENGINES.items()),
    ]  # fmt: skip
    (stacks / "full.json").write_text(json.dumps({"checkpoint": {"latest": {"resources": resources}}}))
    (stacks / "fresh.json").write_text(json.dumps({"checkpoint": {"latest": None}}))
    (stacks / "broken.json.bak").write_text("{")
    command = home / "karen"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m ops.cli "$@"\n')
    command.chmod(0o755)
    return home


def bash(home: Path, script: str) -> str:
    variables = {
        "HOME": str(home),
        "KAREN_HOME": str(home),
        "PATH": f"{home}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(places.CHECKOUT),
        # Then the options take the shell's name, and it is not looked for among this test's ancestors.
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    done = subprocess.run(
        ["bash", "--norc", "-euc", script], cwd=home, env=variables, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="module")
def installed(home: Path) -> str:
    """What a new bash does when the completion is installed."""
    bash(home, "./karen --install-completion bash")
    return f". {home}/.bashrc"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("./karen stop --stack full m", ["milvus", "minio"]),
        ("karen logs -s full ''", ["etcd", "milvus", "minio", "postgres"]),
        ("karen connect -s full re", ["redis"]),
        ("./karen migrate up -s full ''", ["postgres", "minio", "milvus"]),
        ("./karen load -s full ''", ["postgres", "milvus"]),
        ("karen status --stack f", ["fresh", "full"]),
        ("karen stop -s fresh ''", []),
        ("karen migrate up -s nowhere ''", []),
        ("./karen migrate re", ["repair"]),
        ("./karen backup re", ["restore"]),
        ("./karen backup restore -s full --only ''", ["postgres", "redis", "minio", "milvus"]),
        ("./karen backup drill --stack f", ["fresh", "full"]),
        ("./karen backup schedule s", ["show"]),
    ],
)
def test_bash_completes_what_is_in_the_state(home: Path, installed: str, line: str, expected: list[str]) -> None:
    words = shlex.split(line)
    script = f"{installed}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _karen_completion {words[0]}"
    found = bash(home, f'{script}; printf "%s\\n" "${{COMPREPLY[@]}}"').split()
    assert sorted(found) == sorted(expected)


def test_the_completion_is_for_the_command_wherever_it_is(home: Path, installed: str) -> None:
    # Of a command with a path, bash looks up the last part.
    assert bash(home, f"{installed}; complete -p karen").split()[-1] == "karen"


@pytest.mark.parametrize(("shell", "typed"), [("zsh", "${~words[1]}"), ("fish", "(commandline --tokenize")])
def test_other_shells_run_the_command_as_it_was_typed(home: Path, shell: str, typed: str) -> None:
    script = bash(home, f"./karen --show-completion {shell}")
    assert f"_KAREN_COMPLETE=complete_{shell}" in script
    assert typed in script
    assert f"complete_{shell} karen" not in script


def test_the_program_offers_it_for_the_shell_that_runs_it() -> None:
    done = subprocess.run(
        ["bash", "-c", "./karen --show-completion; true"],
        cwd=places.CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "complete -o default -F _karen_completion karen" in done.stdout

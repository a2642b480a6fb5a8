"""`./karen`: help with an example and exit codes for every command, and bad input answered by one sentence with the fix."""

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bootstrap import places
from init.migrations import load
from init.resources import data
from ops.cli.app import app
from ops.cli.backup.commands import app as backups
from ops.cli.migrate.commands import app as migrations

COMMANDS = ["status", "plan", "up", "down", "verify", "repair", "baseline", "confirm", "new"]
BACKUPS = ["create", "list", "show", "verify", "restore", "drill", "prune", "schedule show"]
ENGINES = ["postgres", "duckdb", "elasticsearch", "milvus", "minio"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), prog_name="./karen", env={"COLUMNS": "300"})


@pytest.fixture
def nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no stack was ever made."""
    monkeypatch.setenv("KAREN_HOME", str(tmp_path))


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One migration for each engine that has some."""
    for engine, suffix in zip(ENGINES, ("sql", "sql", "json", "py", "json"), strict=True):
        (tmp_path / engine).mkdir()
        (tmp_path / engine / f"001_first.{suffix}").write_text("{}" if suffix == "json" else "x = 1\n")
    monkeypatch.setattr(data, "DIRECTORY", tmp_path)
    return tmp_path


def test_every_command_is_there() -> None:
    assert [one.name for one in migrations.registered_commands] == COMMANDS
    assert {one.name for one in backups.registered_commands} == {*BACKUPS[:-1], "identity"}


@pytest.mark.parametrize(
    "command",
    [
        *(["load"], ["reset"], ["reconcile"]),
        *(["migrate", name] for name in COMMANDS),
        *(["backup", *name.split()] for name in BACKUPS),
    ],
    ids=" ".join,
)
def test_every_command_has_help_with_an_example_and_exit_codes(command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert f"./karen {' '.join(command)}" in result.output
    assert "Exit codes: 0 done or clean, 1 refused" in result.output
    assert "--stack" in result.output
    assert "--json" in result.output


@pytest.mark.usefixtures("nothing_up")
@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["plan"],
        ["up"],
        ["down", "postgres"],
        ["verify"],
        ["repair"],
        ["baseline", "postgres", "--to", "1"],
        ["confirm", "milvus"],
    ],
    ids=lambda one: one[0],
)
def test_a_stack_that_is_not_up_is_said_to_be_so(command: list[str]) -> None:
    result = run("migrate", *command, "--stack", "nowhere")
    assert result.exit_code == 2
    assert result.stderr == "The stack nowhere is not up. Fix: make up STACK=nowhere\n"


@pytest.mark.usefixtures("nothing_up")
@pytest.mark.parametrize(
    "command",
    [
        ["reconcile", "--yes"],
        *(["backup", *name.split()] for name in BACKUPS),
        ["backup", "identity"],
        ["backup", "restore", "--into", "nowhere", "--confirm", "nowhere"],
    ],
    ids=" ".join,
)
def test_backups_of_a_stack_that_is_not_up_are_said_to_be_so(command: list[str]) -> None:
    result = run(*command, "--stack", "nowhere")
    assert result.exit_code == 2
    assert result.stderr == "The stack nowhere is not up. Fix: make up STACK=nowhere\n"
    if "identity" not in command:
        told = json.loads(run(*command, "--stack", "nowhere", "--json").stdout)
        assert (told["stack"], told["exit"]) == ("nowhere", 2)


@pytest.mark.usefixtures("nothing_up")
def test_an_error_is_a_document_as_well() -> None:
    result = run("migrate", "status", "--json", "-s", "nowhere")
    assert json.loads(result.stdout) == {
        "schema": 1,
        "stack": "nowhere",
        "error": "The stack nowhere is not up. Fix: make up STACK=nowhere",
        "exit": 2,
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["down", "oracle"], ["'oracle' is not an engine", "postgres, duckdb, elasticsearch, milvus, minio"]),
        (["down", "redis"], ["'redis' has no migrations"]),
        (["down", "postgres", "--to", "two"], ["--to is 'two'", "002", "latest"]),
        (["down", "postgres", "--to", "1000"], ["--to is '1000'"]),
        (["up", "--to", "2"], ["--to needs an engine"]),
        (["baseline", "postgres", "--to", "-1"], ["--to is '-1'"]),
        (["new", "redis", "more"], ["'redis' has no migrations"]),
        (["new", "postgres", "Add Tags!"], ["'Add Tags!' is no name", "Fix: add_tags"]),
        (["new", "postgres", "../../x"], ["is no name", "Fix: x"]),
    ],
)
def test_bad_input_is_named_with_what_is_allowed(arguments: list[str], words: list[str]) -> None:
    result = run("migrate", *arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize("engine", ENGINES)
def test_a_new_migration_is_the_next_one_with_its_way_back(folders: Path, engine: str) -> None:
    result = run("migrate", "new", engine, "add_tags")
    assert result.exit_code == 0
    first, second = load(folders / engine)
    assert (first.version, second.name) == ("001", "002_add_tags")
    assert second.down is not None
    assert second.up.options == second.down.options == first.up.options
    assert f"002_add_tags.down.{second.up.suffix}" in result.stdout
    assert result.stdout.endswith(f"Next: edit both, then ./karen migrate plan {engine}.\n")


def test_templates_of_documents_are_what_their_engines_read(folders: Path) -> None:
    from init.definitions import Collection, Removal, parse
    from init.engines import elasticsearch_script, minio_buckets

    for engine in ENGINES:
        run("migrate", "new", engine, "add_tags")
    _, index = load(folders / "elasticsearch")
    _, bucket = load(folders / "minio")
    _, collection = load(folders / "milvus")
    assert index.down is not None
    assert bucket.down is not None
    assert collection.down is not None
    assert elasticsearch_script.parse(index.down).remove == (elasticsearch_script.parse(index.up).new[0].index,)
    assert minio_buckets.parse(bucket.down)["remove"] == [minio_buckets.parse(bucket.up)["buckets"][0]["name"]]
    made = parse(collection.up.body)
    assert isinstance(made, Collection)
    assert parse(collection.down.body) == Removal((made.name,))


def test_a_folder_that_is_not_right_gets_no_new_migration(folders: Path) -> None:
    (folders / "postgres" / "003_third.sql").write_text("SELECT 1;\n")
    result = run("migrate", "new", "postgres", "more")
    assert result.exit_code == 1
    assert "gap" in result.stderr
    assert sorted(path.name for path in (folders / "postgres").iterdir()) == ["001_first.sql", "003_third.sql"]


def test_the_command_runs_from_anywhere_with_the_environment_of_its_stack(tmp_path: Path) -> None:
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "__init__.py").write_text("raise SystemExit('another package')\n")
    done = subprocess.run(
        [places.CHECKOUT / "karen", "migrate", "status", "--stack=nowhere"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "The stack nowhere is not up. Fix: make up STACK=nowhere\n")


def test_without_an_environment_the_command_says_how_to_get_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [places.CHECKOUT / "karen", "--help"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f"karen: nothing is installed yet. Fix: make -C {places.CHECKOUT} bootstrap\n"

"""A restore of a real DuckDB file, cut off at each of its steps: the old data are there, or the same command finishes it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from backup.engines.base import Task
from backup.engines.duckdb import PART
from backup.writing import SetWriter
from init.resources import data
from init.resources.gate import UnhealthyError
from init.resources.job import JobError
from ops.backups import journal
from ops.cli.backup import restoring
from ops.cli.errors import Refused
from tests.unit.backup.duckdb_samples import names, place, run
from tests.unit.backup.hosting import Machine, machine
from tests.unit.backup.making import STACK, TAKEN, directory, nothing, origin

__all__ = ["machine"]
RESTORE = ("backup", "restore", "--confirm", STACK)
WORD = "SELECT word FROM kept"
# DuckDB leaves the file by which it is leased.
FILES = ["kari.db", "kari.db.lease"]


@pytest.fixture
def database(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A file that holds something newer than the set of it, beside an engine that is only told of."""
    found = place(tmp_path / "duckdb")
    run(found, "CREATE TABLE kept AS SELECT 'old' AS word")
    with SetWriter(directory(machine.target), origin(), nothing) as writer:
        (tmp_path / "work").mkdir()
        task = Task(set_id=writer.id, staging=tmp_path / "work", progress=lambda _: None)
        writer.good("duckdb", PART.back_up(found, writer.sink("duckdb"), task))
        with writer.sink("milvus").file("rows") as stream:
            stream.write(b"rows")
        writer.good("milvus", TAKEN)
    run(found, "UPDATE kept SET word = 'new'")
    machine.outputs["operations"]["backups"]["configuration"]["engines"] = {"duckdb": found, "milvus": {}}
    monkeypatch.setattr(data, "DIRECTORY", tmp_path / "no-migrations")
    return found


@pytest.fixture
def around(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens around the jobs of a restore, in its order."""
    told: list[str] = []

    @contextmanager
    def paused(*containers: str) -> Iterator[None]:
        told.append(f"stop {' '.join(containers)}")
        try:
            yield
        finally:
            told.append(f"start {' '.join(containers)}")

    monkeypatch.setattr(restoring, "paused", paused)
    monkeypatch.setattr(restoring, "leased", lambda *_: nullcontext())
    monkeypatch.setattr(restoring, "settle", lambda _, engines: told.append(f"settle {','.join(engines)}"))
    monkeypatch.setattr("ops.cli.migrate.update.ensure_free", lambda _: None)
    return told


def word(database: dict[str, Any]) -> str:
    return str(run(database, WORD)[0][0])


def only(machine: Machine, engine: str = "duckdb") -> list[str]:
    """Return the steps that one engine went through."""
    return [step.partition(" ")[0] for step in machine.steps if step.endswith(f" {engine}")]


@pytest.mark.usefixtures("around")
def test_a_set_takes_the_place_of_what_is_there(machine: Machine, database: dict[str, Any], around: list[str]) -> None:
    told = machine.document(*RESTORE, "--only", "duckdb")
    assert (word(database), names(database)) == ("('old',)", FILES)
    assert told.keys() == {"schema", "stack", "message", "set", "points", "seconds"}
    assert list(told["points"]) == ["duckdb"]
    assert machine.steps == ["find", "check", "load duckdb", "exchange duckdb", "finish duckdb"]
    container = f"ai-karen-{STACK}-backups ai-karen-{STACK}-relay"
    assert around == [f"stop {container}", "settle duckdb", f"start {container}"]
    assert journal.read(STACK) is None


def test_what_is_not_agreed_to_touches_nothing(machine: Machine, database: dict[str, Any], around: list[str]) -> None:
    for words, said in (((), "There is no terminal"), (("--confirm", "prod"), "--confirm is 'prod'")):
        done = machine.karen("backup", "restore", "--only", "duckdb", *words)
        assert (done.exit_code, said in done.stderr) == (1, True)
    assert (word(database), around, only(machine)) == ("('new',)", [], [])


def test_a_load_that_fails_leaves_the_data_and_nothing_beside_them(
    machine: Machine, database: dict[str, Any], around: list[str]
) -> None:
    machine.trouble = {
        "load milvus": JobError("backup: DiskFull: milvus: no place is left. Fix: make some", "DiskFull"),
        # Nor does what cannot clean up behind itself hide why.
        "discard milvus": JobError("The backup job ended without an answer. Its last line: killed"),
    }
    done = machine.document(*RESTORE, code=1)
    assert "no place is left" in done["error"]
    assert (word(database), names(database)) == ("('new',)", FILES)
    assert only(machine) == ["load", "discard"]
    assert journal.read(STACK) is None
    assert around == []
    machine.trouble.clear()
    machine.jobs.clear()
    machine.document(*RESTORE, "--only", "duckdb")
    assert word(database) == "('old',)"


@pytest.mark.parametrize("kind", [KeyboardInterrupt(), JobError("The backup job was cut off")])
def test_an_interrupted_load_is_no_restore(
    machine: Machine, database: dict[str, Any], around: list[str], kind: Any
) -> None:
    machine.trouble["load milvus"] = kind
    done = machine.karen(*RESTORE)
    assert done.exit_code == (130 if isinstance(kind, KeyboardInterrupt) else 2)
    assert (word(database), names(database)) == ("('new',)", FILES)
    assert (journal.read(STACK), around) == (None, [])


@pytest.mark.parametrize("step", ["exchange", "finish"])
@pytest.mark.usefixtures("around")
def test_cut_off_twice_after_it_was_decided_the_same_command_finishes_it(
    machine: Machine, database: dict[str, Any], step: str
) -> None:
    command = (*RESTORE, "--only", "duckdb")
    machine.trouble[f"{step} duckdb"] = JobError("The backup job ended without an answer. Its last line: ")
    for _ in range(2):
        assert machine.karen(*command).exit_code == 2
        left = journal.read(STACK)
        assert left is not None
        assert left.exchanged == (() if step == "exchange" else ("duckdb",))
        assert left.finished == ()
    machine.trouble.clear()
    machine.jobs.clear()
    told = machine.document(*command)
    assert (told["resumed"], list(told["sets"])) == (True, ["duckdb"])
    assert only(machine) == (["exchange", "finish"] if step == "exchange" else ["finish"])
    assert (word(database), names(database), journal.read(STACK)) == ("('old',)", FILES, None)


@pytest.mark.usefixtures("around")
def test_what_was_exchanged_and_not_noted_is_exchanged_again(machine: Machine, database: dict[str, Any]) -> None:
    machine.trouble["finish duckdb"] = JobError("The backup job ended without an answer. Its last line: ")
    machine.karen(*RESTORE, "--only", "duckdb")
    path = journal.path(STACK)
    path.write_text(json.dumps({**json.loads(path.read_text()), "exchanged": []}))
    machine.trouble.clear()
    assert machine.document(*RESTORE, "--only", "duckdb")["resumed"]
    assert word(database) == "('old',)"


def test_an_initialization_that_fails_is_done_again_and_nothing_else(
    machine: Machine, database: dict[str, Any], around: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Refused("The update of dev failed.")

    with monkeypatch.context() as patched:
        patched.setattr(restoring, "settle", fail)
        assert machine.karen(*RESTORE, "--only", "duckdb").exit_code == 1
    assert word(database) == "('old',)"
    machine.jobs.clear()
    around.clear()
    assert machine.document(*RESTORE, "--only", "duckdb")["resumed"]
    assert (only(machine), around[1]) == ([], "settle duckdb")
    assert journal.read(STACK) is None


@pytest.mark.usefixtures("around", "database")
def test_a_server_that_does_not_come_back_ends_the_command_in_a_sentence(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ops.backups.steps import Steps

    def fail(*_: object) -> None:
        raise UnhealthyError("The container ai-karen-dev-redis is unhealthy. Likely fix: raise its memory.")

    monkeypatch.setattr(Steps, "exchange", fail)
    done = machine.document(*RESTORE, "--only", "duckdb", code=1)
    assert "ai-karen-dev-redis is unhealthy" in done["error"]
    assert journal.read(STACK) is not None


@pytest.mark.usefixtures("around", "database")
def test_the_note_of_a_restore_has_no_secret_and_is_its_owners_alone(machine: Machine) -> None:
    from tests.unit.backup.making import IDENTITY, SEED

    machine.trouble["exchange duckdb"] = JobError("The backup job ended without an answer. Its last line: ")
    done = machine.karen(*RESTORE, "--only", "duckdb")
    note = journal.path(STACK)
    assert note.parent.stat().st_mode & 0o077 == 0
    for text in (note.read_text(), done.output):
        assert not any(secret in text for secret in (IDENTITY, SEED))
    left = journal.read(STACK)
    assert left is not None
    assert left.command == f"./karen backup restore latest --stack {STACK} --only duckdb"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"exchanged": [], "finished": []}', '{"exchanged": 1}'])
def test_a_note_that_cannot_be_read_is_one_kind_of_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("KAREN_HOME", str(tmp_path))
    path = journal.path(STACK)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ValueError, match=r"."):
        journal.read(STACK)
    journal.remove(STACK)
    journal.remove(STACK)
    assert journal.read(STACK) is None

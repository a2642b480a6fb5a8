"""A restore that meets another one: going on, cut off, or with a note that cannot be read."""

from typing import Any

import pytest

from init.resources.job import JobError
from ops.backups import journal
from ops.cli.backup import restoring
from ops.cli.errors import Refused
from tests.unit.backup.duckdb_samples import run
from tests.unit.backup.hosting import Machine, machine
from tests.unit.backup.making import STACK
from tests.unit.backup.test_host_restoring import RESTORE, around, database, only, word

__all__ = ["around", "database", "machine"]


@pytest.mark.usefixtures("around")
def test_two_restores_do_not_work_on_one_stack(machine: Machine, database: dict[str, Any]) -> None:
    with journal.alone(STACK):
        done = machine.document(*RESTORE, "--only", "duckdb", code=1)
    assert "Another restore into dev is going on" in done["error"]
    assert (word(database), only(machine)) == ("('new',)", [])
    machine.document(*RESTORE, "--only", "duckdb")


@pytest.mark.usefixtures("around")
def test_another_command_finishes_the_one_before_and_says_that_it_did_nothing_else(
    machine: Machine, database: dict[str, Any]
) -> None:
    machine.trouble["exchange duckdb"] = JobError("The backup job ended without an answer. Its last line: ")
    machine.karen(*RESTORE, "--only", "duckdb")
    machine.trouble.clear()
    told = machine.document("backup", "restore", "another", "--confirm", STACK)
    assert told["resumed"]
    assert told["message"].endswith("What this command asks for was not done: run it again.")
    assert word(database) == "('old',)"


@pytest.mark.usefixtures("around")
def test_a_set_that_cannot_be_initialized_gives_way_to_another(
    machine: Machine, database: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Refused("The update of dev failed.")

    with monkeypatch.context() as patched:
        patched.setattr(restoring, "settle", fail)
        machine.karen(*RESTORE, "--only", "duckdb")
    run(database, "UPDATE kept SET word = 'newer'")
    set_id = machine.document("backup", "list")["sets"][0]["id"]
    told = machine.document("backup", "restore", set_id, "--only", "duckdb", "--confirm", STACK)
    assert (told["set"], word(database), journal.read(STACK)) == (set_id, "('old',)", None)


def test_a_note_that_cannot_be_read_ends_the_command_with_what_to_do(
    machine: Machine, database: dict[str, Any], around: list[str]
) -> None:
    journal.path(STACK).parent.mkdir(parents=True)
    journal.path(STACK).write_text("{")
    done = machine.karen(*RESTORE)
    assert (done.exit_code, around, word(database)) == (2, [], "('new',)")
    assert f"{journal.path(STACK)} cannot be read" in done.stderr

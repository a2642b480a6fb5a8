"""`backup prune`: what was shown is what is removed, or nothing is."""

import pytest

from backup.sets import root_of
from ops.cli.printer import Printer
from tests.unit.backup.hosting import Machine, machine
from tests.unit.backup.making import OTHER_SIGNER, STACK, directory, made

__all__ = ["machine"]


def test_what_is_not_kept_is_removed_once_that_is_agreed_to(machine: Machine) -> None:
    target = directory(machine.target)
    old, new = made(target).id, made(target).id
    foreign = made(target, signer=OTHER_SIGNER).id
    plan = machine.document("backup", "prune", "--dry-run")
    assert (plan["changed"], [one["id"] for one in plan["removed"]]) == (False, [old])
    refused = machine.karen("backup", "prune")
    assert (refused.exit_code, "--yes" in refused.stderr) == (1, True)
    assert len(list((machine.target / STACK / "sets").iterdir())) == 3
    done = machine.document("backup", "prune", "--yes")
    assert plan.keys() == done.keys()
    assert (done["changed"], [one["id"] for one in done["kept"]]) == (True, [new])
    assert sorted(path.name for path in (machine.target / STACK / "sets").iterdir()) == sorted([new, foreign])
    assert machine.karen("backup", "prune").stdout.splitlines()[-1] == "Nothing to remove."
    assert machine.steps == ["decide", "decide", "decide", "prune", "decide", "prune"]


def test_nothing_is_removed_when_other_sets_are_there_than_were_shown(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = directory(machine.target)
    sets = [made(target).id, made(target).id]
    agree = Printer.agree

    def agreed(printer: Printer, question: str, *, yes: bool) -> None:
        sets.append(made(target).id)
        agree(printer, question, yes=yes)

    monkeypatch.setattr(Printer, "agree", agreed)
    refused = machine.document("backup", "prune", "--yes", code=1)
    assert f"no longer those that were decided about (new: {sets[2]}); nothing was removed" in refused["error"]
    assert refused["error"].endswith("Fix: look again (./karen backup prune)")
    assert sorted(path.name for path in (machine.target / STACK / "sets").iterdir()) == sets


def test_what_was_never_finished_is_shown_and_removed_without_leave(machine: Machine) -> None:
    target = directory(machine.target)
    left, kept = made(target).id, made(target).id
    (machine.target / root_of(STACK, left) / "manifest.json").unlink()
    plan = machine.karen("backup", "prune", "--dry-run").stdout
    assert f"remove  {left}: never finished" in plan
    assert plan.splitlines()[-1] == "0 of 1 sets would be removed, and 1 that was never finished."
    done = machine.document("backup", "prune")
    assert (done["changed"], done["unfinished"], done["removed"]) == (True, [left], [])
    assert [path.name for path in (machine.target / STACK / "sets").iterdir()] == [kept]

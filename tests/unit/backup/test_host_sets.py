"""`backup list`, `show` and `verify` on sets that are good, in part, incomplete, damaged and another's."""

from pathlib import Path

import pytest

from backup.sets import root_of
from init.resources.job import JobError
from tests.unit.backup.hosting import PASSWORD, Machine, machine
from tests.unit.backup.making import IDENTITY, OTHER_IDENTITY, OTHER_SIGNER, SEED, STACK, directory, made

__all__ = ["machine"]
KEYS = {"id", "stored", "good", "error", "began", "ended", "label", "trigger", "partial", "audit", "engines"}


def flip(machine: Machine, set_id: str, name: str) -> Path:
    """Change one byte of a set's file."""
    path = machine.target / root_of(STACK, set_id) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return path


def test_a_listing_has_a_row_for_each_set_with_the_same_keys(machine: Machine) -> None:
    target = directory(machine.target)
    ids = [
        made(target, "whole").id,
        made(target, "some", partial=True).id,
        made(target, incomplete=True).id,
        made(target, signer=OTHER_SIGNER).id,
    ]
    told = machine.document("backup", "list", code=1)
    rows = {one["id"]: one for one in told["sets"]}
    assert {frozenset(one) for one in told["sets"]} == {frozenset(KEYS)}
    assert [rows[one]["good"] for one in ids] == [True, False, False, False]
    assert rows[ids[1]]["partial"]
    assert rows[ids[2]]["engines"] == {"postgres": True, "milvus": False}
    assert "trusted" in rows[ids[3]]["error"]
    assert (rows[ids[3]]["label"], rows[ids[3]]["engines"]) == (None, {})
    printed = machine.karen("backup", "list")
    assert printed.exit_code == 1
    lines = {one: next(line for line in printed.stdout.splitlines() if one in line) for one in ids}
    assert "good, in part" in lines[ids[1]]
    assert "incomplete" in lines[ids[2]]
    assert "milvus (failed)" in lines[ids[2]]
    assert "refused" in lines[ids[3]]


def test_no_set_at_all_is_nothing_wrong(machine: Machine) -> None:
    assert machine.document("backup", "list")["sets"] == []
    assert machine.karen("backup", "list").stdout.splitlines()[-1].startswith("0 sets in directory ")
    refused = machine.document("backup", "show", code=1)
    assert "dev has not a good set; there are: none" in refused["error"]


def test_what_was_begun_and_is_no_set_is_told(machine: Machine) -> None:
    set_id = made(directory(machine.target)).id
    (machine.target / root_of(STACK, set_id) / "manifest.json").unlink()
    assert machine.document("backup", "list")["unfinished"] == [set_id]
    assert f"{set_id}: not finished" in machine.karen("backup", "list").stdout


def test_a_reason_with_brackets_is_shown_as_it_is(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    from backup.writing import SetWriter

    real = SetWriter.incomplete
    monkeypatch.setattr(SetWriter, "incomplete", lambda self, name, _: real(self, name, "milvus: [/red] and [b]"))
    made(directory(machine.target), "odd", incomplete=True)
    shown = machine.karen("backup", "show", "odd")
    assert shown.exit_code == 0
    assert "[/red] and [b]" in shown.stdout


def test_a_set_is_verified_with_and_without_the_identity(machine: Machine, tmp_path: Path) -> None:
    set_id = made(directory(machine.target), "kept").id
    told = machine.document("backup", "verify", "kept")
    assert (told["set"], told["good"], told["plain"], told["extra"]) == (set_id, True, 0, [])
    assert machine.jobs[-1][1]["identity"] is None
    assert machine.document("backup", "verify", set_id[:12], "--deep")["plain"] > 0
    file = tmp_path / "identity"
    file.write_text(machine.karen("backup", "identity").stdout.replace(IDENTITY, OTHER_IDENTITY))
    wrong = machine.document("backup", "verify", "--identity", str(file), code=1)
    assert "WrongIdentity" in wrong["error"]
    assert OTHER_IDENTITY not in wrong["error"]
    for name in ("milvus/empty.zst.age", "postgres/base.tar.zst.age"):
        flip(machine, set_id, name)
    damaged = machine.document("backup", "verify", code=1)
    assert "2 of 5 files" in damaged["error"]
    assert "milvus/empty.zst.age" in damaged["error"]
    assert "postgres/base.tar.zst.age" in damaged["error"]


def test_files_that_hold_no_identity_are_named_without_what_is_in_them(machine: Machine, tmp_path: Path) -> None:
    made(directory(machine.target))
    places = {name: tmp_path / name for name in ("absent", "binary", "half", "two")}
    places["binary"].write_bytes(b"\xff\xfe")
    places["half"].write_text(IDENTITY[:-5])
    places["two"].write_text(f"{IDENTITY}\n{OTHER_IDENTITY}\n")
    for path in (*places.values(), tmp_path):
        done = machine.karen("backup", "verify", "--identity", str(path))
        assert done.exit_code == 2
        assert f"{path} is no identity: " in done.stderr
        assert "AGE-SECRET-KEY-1Q" not in done.stderr
        assert "[Errno" not in done.stderr
    assert machine.jobs == []


def test_the_identity_is_written_once_for_its_owner_alone(machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "dev.identity"
    assert str(file) in machine.karen("backup", "identity", "--write", str(file)).stdout
    assert (file.stat().st_mode & 0o777, IDENTITY in file.read_text()) == (0o600, True)
    again = machine.karen("backup", "identity", "--write", str(file))
    assert (again.exit_code, "is not there yet" in again.stderr) == (2, True)
    assert machine.karen("backup", "identity", "--write", str(tmp_path / "no" / "where")).exit_code == 2


def test_the_exit_code_says_whether_the_place_or_what_lies_there_is_wrong(machine: Machine) -> None:
    made(directory(machine.target))
    assert machine.karen("backup", "show", "nothing-like-it").exit_code == 1
    machine.trouble["find"] = JobError("The image x is not on this engine. Fix: make images")
    assert machine.document("backup", "show", code=2)["exit"] == 2
    machine.trouble["find"] = JobError("backup: TargetFailed: no such bucket. Fix: make it", "TargetFailed")
    assert machine.karen("backup", "show").exit_code == 2
    nowhere = machine.karen("backup", "list", "--stack", "nowhere")
    assert (nowhere.exit_code, nowhere.stderr) == (2, "The stack nowhere is not up. Fix: make up STACK=nowhere\n")


def test_a_stack_that_was_made_by_a_version_without_backups_says_so(machine: Machine) -> None:
    machine.outputs = {"operations": {}}
    done = machine.karen("backup", "list")
    assert (done.exit_code, "Fix: make up STACK=dev" in done.stderr) == (2, True)


def test_nothing_that_is_printed_has_a_secret(machine: Machine) -> None:
    made(directory(machine.target))
    for words in (("list",), ("show",), ("verify", "--deep"), ("prune", "--dry-run")):
        for form in ((), ("--json",)):
            done = machine.karen("backup", *words, *form)
            assert not any(secret in done.output for secret in (PASSWORD, IDENTITY, SEED)), words
    from ops.backups.stack import StackBackups
    from ops.cli.backup.places import place

    for told in (StackBackups.of(STACK), place(STACK, target=None, identity=None)):
        assert not any(secret in repr(told) for secret in (PASSWORD, IDENTITY, SEED))


def test_when_nothing_makes_sets_that_is_told_with_what_starts_it(machine: Machine) -> None:
    told = machine.document("backup", "schedule", "show", code=1)
    assert told["status"] is None
    assert "./karen start backups --stack dev" in told["message"]

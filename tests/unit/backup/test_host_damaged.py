"""`backup restore --damaged`: what the configuration names is restored, for the rest the command is told, and nothing else is touched."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backup.engines.base import Task
from backup.engines.duckdb import PART
from backup.writing import SetWriter
from init.resources.job import JobError
from ops.backups import journal
from ops.backups.stack import StackBackups
from ops.cli.services import health, jobs
from ops.cli.services.containers import Servers
from tests.unit.backup.hosting import Machine, machine
from tests.unit.backup.making import STACK, TAKEN, directory, nothing, origin
from tests.unit.backup.test_host_restoring import around, database, only, word
from tests.unit.backup.test_host_sets import flip
from tests.unit.backup.test_told_status import GOOD, KEPT, Volume, stack

__all__ = ["around", "database", "machine"]
DAMAGED = ("backup", "restore", "--damaged")
WELL = {"status": "healthy", "latency": 0.001}
# As its driver says it.
BROKEN = "duckdb: Error: Corrupt database file: computed checksum 1 does not match stored checksum 2"
FAILED = {"status": "failed", "error": {"kind": "Unexpected", "message": BROKEN, "fix": "look at its log"}}
CUT = JobError("The backup job ended without an answer. Its last line: ")


@pytest.fixture(autouse=True)
def answers(monkeypatch: pytest.MonkeyPatch, around: list[str]) -> dict[str, dict[str, Any]]:
    """What every engine answers; none of them is real."""
    found = {"postgres": dict(WELL), "milvus": dict(WELL), "duckdb": dict(WELL)}

    @contextmanager
    def servers(_: str) -> Iterator[Servers]:
        engine = Volume(json.dumps(KEPT.document()))
        yield stack(engine, backups="healthy", postgres="healthy", etcd="healthy", milvus="healthy")

    monkeypatch.setattr(jobs, "described", lambda _: {})
    monkeypatch.setattr(jobs, "ask", lambda *_, **__: found)
    monkeypatch.setattr(health, "servers", servers)
    return found


@pytest.fixture
def named(machine: Machine, database: dict[str, Any]) -> dict[str, Any]:
    """The file of which there is a set, named in the configuration."""
    machine.outputs["operations"]["backups"]["restore_damaged"] = ["duckdb"]
    return database


def also(machine: Machine, database: dict[str, Any], path: Path, **parts: Any) -> str:
    """Make a newer set of the file, or without it, and of other engines as they are told of; return its id."""
    path.mkdir()
    with SetWriter(directory(machine.target), origin(), nothing) as writer:
        if parts.pop("duckdb", True):
            task = Task(set_id=writer.id, staging=path, progress=lambda _: None)
            writer.good("duckdb", PART.back_up(database, writer.sink("duckdb"), task))
        else:
            writer.incomplete("duckdb", "it was in use")
        for engine, taken in parts.items():
            writer.good(engine, taken)
    return writer.id


def test_where_nothing_is_damaged_nothing_is_done(machine: Machine, named: dict[str, Any], around: list[str]) -> None:
    done = machine.karen(*DAMAGED)
    assert (done.exit_code, done.stdout) == (0, "No engine of dev says that its data are damaged.\n")
    assert (word(named), machine.steps, around) == ("('new',)", [], [])


def test_what_fails_otherwise_is_left_to_others(
    machine: Machine, named: dict[str, Any], answers: dict[str, dict[str, Any]]
) -> None:
    answers["duckdb"] = {**FAILED, "error": {**FAILED["error"], "message": "duckdb: still in use after 30 s"}}  # type: ignore[dict-item]
    assert machine.document(*DAMAGED)["damaged"] == {}
    assert machine.steps == []


@pytest.mark.parametrize("recorded", [[], ["redis", "milvus"], None])
def test_what_the_configuration_does_not_name_is_told_with_its_command(
    machine: Machine, database: dict[str, Any], answers: dict[str, dict[str, Any]], around: list[str], recorded: Any
) -> None:
    # A stack that was brought up by an older checkout has recorded nothing.
    if recorded is not None:
        machine.outputs["operations"]["backups"]["restore_damaged"] = recorded
    answers["duckdb"] = FAILED
    command = f"./karen backup restore {GOOD.set} --only duckdb --stack dev"
    done = machine.karen(*DAMAGED)
    assert (done.exit_code, f"duckdb's data are damaged: {BROKEN}. Fix: {command}\n" in done.stdout) == (1, True)
    assert "restoreDamaged of dev does not name duckdb. Nothing was touched." in done.stdout
    told = machine.document(*DAMAGED, "--confirm", STACK, code=1)
    assert (told["left"], told["damaged"]) == (["duckdb"], {"duckdb": {"message": BROKEN, "fix": command}})
    assert (word(database), machine.steps, around) == ("('new',)", [], [])


def test_what_it_names_is_restored_without_being_asked(
    machine: Machine, named: dict[str, Any], answers: dict[str, dict[str, Any]], around: list[str]
) -> None:
    answers["duckdb"] = FAILED
    told = machine.document(*DAMAGED)
    assert word(named) == "('old',)"
    assert (list(told["damaged"]), told["left"], list(told["points"])) == (["duckdb"], [], ["duckdb"])
    assert machine.steps[-4:] == ["check", "load duckdb", "exchange duckdb", "finish duckdb"]
    container = f"ai-karen-{STACK}-backups ai-karen-{STACK}-relay"
    assert around == [f"stop {container}", "settle duckdb", f"start {container}"]
    assert journal.read(STACK) is None


def test_one_is_restored_and_the_others_command_is_told(
    machine: Machine, named: dict[str, Any], answers: dict[str, dict[str, Any]]
) -> None:
    error = {"kind": "Unexpected", "message": "etcd: panic: walpb: crc mismatch", "fix": ""}
    answers |= {"duckdb": FAILED, "etcd": {"status": "failed", "error": error}}
    done = machine.karen(*DAMAGED)
    assert done.exit_code == 1
    # What etcd holds is Milvus' own.
    assert f"Fix: ./karen backup restore {GOOD.set} --only milvus --stack dev\n" in done.stdout
    assert "Done: duckdb of dev are as in" in done.stdout
    assert (word(named), only(machine, "milvus")) == ("('old',)", [])


def test_the_newest_good_set_that_has_them_whole_is_taken(
    machine: Machine, named: dict[str, Any], answers: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    newer = also(machine, named, tmp_path / "newer", milvus=TAKEN)
    also(machine, named, tmp_path / "incomplete", duckdb=False, milvus=TAKEN)
    answers["duckdb"] = FAILED
    assert machine.document(*DAMAGED)["set"] == newer
    assert word(named) == "('new',)"


def test_without_such_a_set_nothing_is_touched(
    machine: Machine, named: dict[str, Any], answers: dict[str, dict[str, Any]], around: list[str]
) -> None:
    machine.outputs["operations"]["backups"]["restore_damaged"] = ["duckdb", "postgres"]
    failed = {"kind": "Damaged", "message": "postgres: 2 reads of pages failed their checksum", "fix": ""}
    answers |= {"duckdb": FAILED, "postgres": {"status": "failed", "error": failed}}
    told = machine.document(*DAMAGED, code=1)["error"]
    assert told.startswith("No good set of dev has duckdb and postgres. Nothing was touched. Fix: see what there is: ")
    assert (word(named), machine.steps, around) == ("('new',)", ["list"], [])


def test_a_set_that_is_damaged_itself_is_no_help(
    machine: Machine, named: dict[str, Any], answers: dict[str, dict[str, Any]], around: list[str]
) -> None:
    answers["duckdb"] = FAILED
    (path,) = machine.target.glob(f"{STACK}/sets/*/duckdb/*.age")
    flip(machine, path.parents[1].name, f"duckdb/{path.name}")
    assert path.name in machine.document(*DAMAGED, code=1)["error"]
    assert (word(named), only(machine), around) == ("('new',)", [], [])


def test_copied_volumes_bring_nothing_that_is_not_named(
    machine: Machine, named: dict[str, Any], answers: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    copied = replace(TAKEN, details={"cold": True, "holds": ["minio"]})
    made = also(machine, named, tmp_path / "cold", milvus=copied)
    machine.outputs["operations"]["backups"]["restore_damaged"] = ["milvus"]
    error = {"kind": "Unexpected", "message": "milvus: Corruption: block checksum mismatch", "fix": ""}
    answers["milvus"] = {"status": "failed", "error": error}
    told = machine.document(*DAMAGED, code=1)["error"]
    assert f"{made} has milvus as a copy of volumes, minio included, which restoreDamaged does not name" in told
    assert f"Fix: ./karen backup restore {made} --only milvus --stack dev" in told
    assert machine.steps == ["list", "find"]


@pytest.mark.parametrize(
    "words",
    [
        ("20261122T0200",), ("--only", "redis"), ("--at", "2026-11-22T10:15:00Z"), ("--mask", "mask.sql"),
        ("--into", "prod"), ("--target", "/mnt"), ("--give-up",),
    ],
)  # fmt: skip
def test_what_it_finds_by_itself_cannot_be_told_it(machine: Machine, words: tuple[str, ...]) -> None:
    done = machine.karen(*DAMAGED, *words)
    assert (done.exit_code, machine.jobs) == (2, [])
    told = "--damaged finds the engines and the set by itself: it goes with --stack, --identity and --confirm alone"
    assert f"{told}. Nothing was touched. Fix: ./karen backup restore --damaged" in done.stderr


def test_another_stacks_name_is_refused(machine: Machine) -> None:
    done = machine.karen(*DAMAGED, "--confirm", "prod")
    assert (done.exit_code, machine.jobs) == (1, [])


def test_cut_off_in_its_exchange_it_finishes_what_it_has_begun(
    machine: Machine, named: dict[str, Any], answers: dict[str, dict[str, Any]]
) -> None:
    answers["duckdb"] = FAILED
    machine.trouble["exchange duckdb"] = CUT
    assert machine.karen(*DAMAGED).exit_code == 2
    machine.trouble.clear()
    machine.jobs.clear()
    # Nobody is asked: what stands still for a restore tells nothing.
    answers["duckdb"] = dict(WELL)
    assert machine.document(*DAMAGED)["resumed"]
    assert machine.steps == ["exchange duckdb", "finish duckdb"]
    assert (word(named), journal.read(STACK)) == ("('old',)", None)


@pytest.mark.parametrize("change", ["asked otherwise", "not named any more", "given up"])
def test_what_somebody_else_has_begun_is_theirs_to_finish(
    machine: Machine, named: dict[str, Any], answers: dict[str, dict[str, Any]], change: str
) -> None:
    answers["duckdb"] = FAILED
    machine.trouble["exchange duckdb"] = CUT
    if change == "asked otherwise":
        machine.karen("backup", "restore", "--only", "duckdb", "--confirm", STACK)
    else:
        machine.karen(*DAMAGED)
    left = journal.read(STACK)
    assert left is not None
    command = left.command
    if change == "not named any more":
        machine.outputs["operations"]["backups"]["restore_damaged"] = ["redis"]
    if change == "given up":
        journal.write(replace(left, giving_up=True))
        command = "./karen backup restore --give-up"
    machine.jobs.clear()
    done = machine.karen(*DAMAGED)
    told = f"A restore into dev is not finished. Nothing was touched. Fix: {command}, which finishes it"
    assert (done.exit_code, machine.steps) == (1, [])
    assert told in done.stderr


def test_a_stack_that_has_recorded_nothing_names_nothing(machine: Machine) -> None:
    assert StackBackups.of(STACK).restore_damaged == ()
    machine.outputs["operations"]["backups"]["restore_damaged"] = ["redis"]
    assert StackBackups.of(STACK).restore_damaged == ("redis",)

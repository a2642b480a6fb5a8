"""Pruning a target: what stays is whole, what was cut off is swept, and what is not believed is left alone."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backup.checking import check
from backup.manifests import render
from backup.model import Manifest
from backup.pruning import Decision, carry_out, decide, require_unchanged
from backup.retention import Keep
from backup.sets import listed, remove, root_of, unfinished
from backup.targets.directory import Directory
from init.protocol import Failure
from tests.unit.backup.apart import kill_when_told
from tests.unit.backup.making import IDENTITY, OTHER_SIGNER, SIGNER, STACK, TRUST, directory, made, nothing

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
_KILLED = """
import sys, time
from pathlib import Path
from backup.pruning import carry_out, decide
from backup.retention import Keep
from tests.unit.backup.making import STACK, TRUST, directory
steps = iter(range(int(sys.argv[2])))
def guard():
    if next(steps, None) is None:
        print("pruning", flush=True)
        time.sleep(100)
target = directory(Path(sys.argv[1]))
carry_out(target, STACK, decide(target, STACK, TRUST, Keep(last=1)), guard)
"""


def aged(target: Directory, path: Path, days: int, *, incomplete: bool = False) -> Manifest:
    """Make a set as if it had been made some days ago."""
    manifest = made(target, incomplete=incomplete)
    older = replace(manifest, id=f"{START - timedelta(days=days):%Y%m%dT%H%M%S.%fZ}-{days:04x}")
    (path / root_of(STACK, manifest.id)).rename(path / root_of(STACK, older.id))
    (path / root_of(STACK, older.id) / "manifest.json").write_bytes(render(older, SIGNER))
    return older


def ids(target: Directory) -> list[str]:
    return [entry.id for entry in listed(target, STACK, TRUST)]


def prune(target: Directory, keep: Keep) -> Decision:
    decision = decide(target, STACK, TRUST, keep)
    carry_out(target, STACK, decision, nothing)
    return decision


def test_what_is_decided_is_what_is_carried_out(tmp_path: Path) -> None:
    target = directory(tmp_path)
    sets = [aged(target, tmp_path, days, incomplete=days == 3).id for days in range(6)]
    decision = decide(target, STACK, TRUST, Keep(last=2))
    assert (decision.plan.removed, ids(target)) == (tuple(sets[2:]), sets)
    assert Decision.parse(json.loads(json.dumps(decision.document()))) == decision
    before = sum(item.size for item in target.items())
    require_unchanged(target, STACK, TRUST, decision)
    carry_out(target, STACK, decision, nothing)
    assert ids(target) == sets[:2]
    assert before - sum(item.size for item in target.items()) == decision.bytes > 0
    for entry in listed(target, STACK, TRUST):
        assert entry.manifest is not None
        assert check(target, entry.manifest, print, IDENTITY).extra == ()


def test_what_is_not_believed_stays_and_is_told(tmp_path: Path) -> None:
    target = directory(tmp_path)
    good = made(target)
    strange = made(target, signer=OTHER_SIGNER)
    damaged = aged(target, tmp_path, 9)
    path = tmp_path / root_of(STACK, damaged.id) / "manifest.json"
    path.write_bytes(path.read_bytes()[:-2])
    pruned = prune(target, Keep(last=1))
    assert ids(target) == [strange.id, good.id, damaged.id]
    assert set(pruned.refused) == {strange.id, damaged.id}


def test_other_sets_than_those_that_were_decided_about_are_named(tmp_path: Path) -> None:
    target = directory(tmp_path / "target")
    sets = [made(target).id for _ in range(3)]
    decision = decide(target, STACK, TRUST, Keep(last=1))
    require_unchanged(target, STACK, TRUST, decision)

    def told() -> str:
        with pytest.raises(Failure) as caught:
            require_unchanged(target, STACK, TRUST, decision)
        assert (caught.value.kind, caught.value.fix) == ("Changed", "look again (./karen backup prune)")
        return caught.value.message

    manifest = tmp_path / "target" / root_of(STACK, sets[2]) / "manifest.json"
    content = manifest.read_bytes()
    manifest.write_bytes(content[:-2])
    assert f"(no longer believed: {sets[2]}); nothing was removed" in told()
    manifest.write_bytes(content)
    remove(target, STACK, sets[0], nothing)
    new = made(target).id
    assert f"(new: {new}; gone: {sets[0]})" in told()
    require_unchanged(target, STACK, TRUST, decide(target, STACK, TRUST, Keep(last=1)))
    remove(target, STACK, new, nothing)
    strange = made(target, signer=OTHER_SIGNER).id
    decision = decide(target, STACK, TRUST, Keep(last=1))
    assert set(decision.refused) == {strange}
    with pytest.raises(Failure, match=f"believed now: {strange}"):
        require_unchanged(target, STACK, (*TRUST, OTHER_SIGNER.public), decision)


@pytest.mark.parametrize("steps", range(0, 12, 3))
def test_a_killed_prune_leaves_only_whole_sets_and_goes_on(tmp_path: Path, steps: int) -> None:
    target = directory(tmp_path)
    sets = [aged(target, tmp_path, days) for days in range(3)]
    kill_when_told(_KILLED, str(tmp_path), str(steps))
    for entry in listed(target, STACK, TRUST):
        assert entry.manifest is not None
        check(target, entry.manifest, print, IDENTITY)
    assert ids(target)[0] == sets[0].id
    pruned = prune(target, Keep(last=1))
    assert (ids(target), unfinished(target, STACK)) == ([sets[0].id], [])
    assert len(pruned.plan.removed) + len(pruned.unfinished) >= (2 if steps < 6 else 1)
    assert os.listdir(tmp_path / STACK / "sets") == [sets[0].id]

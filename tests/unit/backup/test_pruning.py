"""Pruning a target: what stays is whole, what was cut off is swept, and what is not believed is left alone."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backup.checking import check
from backup.manifests import render
from backup.model import Manifest
from backup.pruning import prune
from backup.retention import Keep
from backup.sets import listed, root_of, unfinished
from backup.targets.directory import Directory
from tests.unit.backup.apart import kill_when_told
from tests.unit.backup.making import IDENTITY, OTHER_SIGNER, SIGNER, STACK, TRUST, directory, made, nothing

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
_KILLED = """
import sys, time
from pathlib import Path
from backup.pruning import prune
from backup.retention import Keep
from tests.unit.backup.making import STACK, TRUST, directory
steps = iter(range(int(sys.argv[2])))
def guard():
    if next(steps, None) is None:
        print("pruning", flush=True)
        time.sleep(100)
prune(directory(Path(sys.argv[1])), STACK, TRUST, Keep(last=1), guard)
"""


def aged(target: Directory, path: Path, days: int, *, incomplete: bool = False) -> Manifest:
    """Make a set as if it had been made some days ago."""
    manifest = made(target, incomplete=incomplete)
    older = replace(manifest, id=f"{START - timedelta(days=days):%Y%m%dT%H%M%SZ}-{days:04x}")
    (path / root_of(STACK, manifest.id)).rename(path / root_of(STACK, older.id))
    (path / root_of(STACK, older.id) / "manifest.json").write_bytes(render(older, SIGNER))
    return older


def ids(target: Directory) -> list[str]:
    return [entry.id for entry in listed(target, STACK, TRUST)]


def test_a_dry_run_tells_what_a_real_one_does(tmp_path: Path) -> None:
    target = directory(tmp_path)
    sets = [aged(target, tmp_path, days, incomplete=days == 3).id for days in range(6)]
    planned = prune(target, STACK, TRUST, Keep(last=2), nothing, dry_run=True)
    assert (planned.plan.removed, ids(target)) == (tuple(sets[2:]), sets)
    before = sum(item.size for item in target.items())
    assert prune(target, STACK, TRUST, Keep(last=2), nothing) == planned
    assert ids(target) == sets[:2]
    assert before - sum(item.size for item in target.items()) == planned.bytes > 0
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
    pruned = prune(target, STACK, TRUST, Keep(last=1), nothing)
    assert sorted(ids(target)) == sorted((good.id, strange.id, damaged.id))
    assert set(pruned.refused) == {strange.id, damaged.id}


@pytest.mark.parametrize("steps", range(0, 12, 3))
def test_a_killed_prune_leaves_only_whole_sets_and_goes_on(tmp_path: Path, steps: int) -> None:
    target = directory(tmp_path)
    sets = [aged(target, tmp_path, days) for days in range(3)]
    kill_when_told(_KILLED, str(tmp_path), str(steps))
    for entry in listed(target, STACK, TRUST):
        assert entry.manifest is not None
        check(target, entry.manifest, print, IDENTITY)
    assert ids(target)[0] == sets[0].id
    pruned = prune(target, STACK, TRUST, Keep(last=1), nothing)
    assert (ids(target), unfinished(target, STACK)) == ([sets[0].id], [])
    assert len(pruned.plan.removed) + len(pruned.unfinished) >= (2 if steps < 6 else 1)
    assert os.listdir(tmp_path / STACK / "sets") == [sets[0].id]

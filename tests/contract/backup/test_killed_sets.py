"""Making a set, killed at any moment: what is listed is whole, what was there stays, and the next set is made as if nothing had been."""

import random
import time
from collections.abc import Iterator

import pytest

from backup.checking import check
from backup.model import Manifest
from backup.retaining import retain
from backup.sets import LATEST, MANIFEST, find, listed, locked, root_of
from tests.contract.backup.killed_sets import Stack, stacked
from tests.unit.backup.making import IDENTITY, STACK, TRUST

pytestmark = pytest.mark.contract
_SEED = 20261122
_KILLED = -9
# After it there are the stack's record and the manifest, which is signed and written.
_LAST_ENGINE = "postgres: done"
# Beside the sets, from one set to the next.
_KEPT = {"target/.lock", "staging", "duckdb/kari.db", "duckdb/kari.db.lease"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stacked(tmp_path_factory.mktemp("killed")) as found:
        yield found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [20, pytest.param(100, marks=pytest.mark.full)])
def test_wherever_a_set_is_killed_every_set_that_is_listed_is_whole(stack: Stack, kills: int) -> None:
    moments = random.Random(_SEED)  # noqa: S311 - moments, not a secret
    whole, end = _measured(stack)
    at_the_end, unfinished = kills // 4, 0
    for number in range(kills):
        if late := number < at_the_end:
            moment = (number + moments.random()) / at_the_end * end
        else:
            moment = (number - at_the_end + moments.random()) / (kills - at_the_end) * whole
        unfinished += _killed(stack, moment, _LAST_ENGINE if late else "")
        _next(stack, prune_first=bool(number % 2))
    assert unfinished > kills / 2
    assert stack.redis_files() <= {"appendonlydir", "dump.rdb"}
    for entry in listed(stack.target, STACK, TRUST):
        assert entry.manifest is not None
        assert check(stack.target, entry.manifest, lambda _: None, IDENTITY).extra == ()


def _measured(stack: Stack) -> tuple[float, float]:
    """Return how many seconds a set takes, and how many of them come after its last engine."""
    runs = []
    for _ in range(3):
        stack.fill()
        run = stack.create()
        assert run.code == 0, run.lines
        runs.append(run)
    ends = [
        run.seconds - seconds for run in runs for line, seconds in run.lines.items() if line.startswith(_LAST_ENGINE)
    ]
    return min(run.seconds for run in runs), min(ends)


def _killed(stack: Stack, moment: float, after: str) -> bool:
    """Kill a set that is being made; return whether it was not finished. What there is of it, and of those before, is compared."""
    while True:
        before = find(stack.target, STACK, TRUST, LATEST)
        stack.fill()
        run = stack.create(after=after, seconds=moment)
        if run.code == _KILLED:
            break
        # Faster than any that was measured.
        assert run.code == 0, run.lines
        moment *= 0.7
    # Nobody has to wait for a lock.
    with locked(stack.target, "test", 0):
        entries = listed(stack.target, STACK, TRUST)
    for entry in entries:
        assert (entry.good, entry.refusal) == (True, None)
        assert entry.manifest is not None
        assert check(stack.target, entry.manifest, lambda _: None).extra == ()
    assert before in [entry.manifest for entry in entries]
    newest = find(stack.target, STACK, TRUST, LATEST)
    if newest != before:
        assert _rows(newest) == [stack.rows] * 3
    return newest == before


def _next(stack: Stack, *, prune_first: bool) -> None:
    """Make the next set, with no hand's help: it has everything, and nothing else is left."""
    if prune_first:
        latest = find(stack.target, STACK, TRUST, LATEST)
        retain(stack.configuration, wait_seconds=0)
        assert find(stack.target, STACK, TRUST, LATEST) == latest
        assert stack.files() == _named(stack)
    run = stack.create()
    assert run.code == 0, run.lines
    assert stack.files() == _named(stack)
    made = find(stack.target, STACK, TRUST, LATEST)
    assert _rows(made) == [stack.rows] * 3
    assert stack.postgres.execute("SELECT slot_name FROM pg_replication_slots").fetchall() == []
    deadline = time.monotonic() + 5
    while stack.sessions():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    retain(stack.configuration, wait_seconds=0)


def _named(stack: Stack) -> set[str]:
    """Return what is there where nothing was left behind."""
    manifests = [entry.manifest for entry in listed(stack.target, STACK, TRUST) if entry.manifest]
    paths = [(one.id, path) for one in manifests for path in (MANIFEST, *(file.path for file in one.files))]
    return _KEPT | {f"target/{root_of(STACK, set_id)}/{path}" for set_id, path in paths}


def _rows(manifest: Manifest) -> list[int]:
    """Return how many rows a set has of each engine."""
    taken = {name: part.taken.counts for name, part in manifest.engines.items() if part.taken}
    return [taken["duckdb"]["kept"], taken["redis"]["db0"], taken["postgres"]["kept"]]

"""Redis' old files come back from wherever an exchange was cut off; where nobody knows of that, a load says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backup.engines.base import HALF
from backup.engines.redis import PART
from backup.model import Taken
from init.protocol import Failure
from tests.contract.backup.plain_files import Files as Stored
from tests.contract.backup.plain_files import task
from tests.unit.backup.test_redis_files import BASE, SET, Cut, cut_before, files, load, tree, volume

# From nothing done to all of it, and done again after it.
STEPS = range(9)
TAKEN = Taken(tool="", server_version="", schema_version="", counts={}, checksums={}, began=0.0, ended=0.0)
BETWEEN = {BASE: "in between"}


def exchanged(path: Path, changes: int, appending: str = "yes") -> dict[str, str]:
    """Cut an exchange off before one of its changes; return what was there before it."""
    target = volume(path, appending)
    before = tree(path)
    load(target)
    with pytest.MonkeyPatch.context() as patch:
        try:
            with cut_before(changes, patch):
                files(path, appending).exchange(SET)
        except Cut:
            pass
    return before


def started(path: Path) -> None:
    """As a server does that finds nothing."""
    (path / BASE).parent.mkdir()
    (path / BASE).write_text("in between")


@pytest.mark.parametrize("appending", ["yes", "no"])
@pytest.mark.parametrize("changes", STEPS)
def test_an_exchange_that_was_cut_off_anywhere_is_given_up(tmp_path: Path, changes: int, appending: str) -> None:
    before = exchanged(tmp_path, changes, appending)
    connection = {"volume": str(tmp_path), "expect": {"appendonly": appending}}
    for _ in range(2):
        assert PART.give_up(connection, TAKEN, task(tmp_path.parent / "work", SET))
        assert tree(tmp_path) == before
    assert not [one.name for one in tmp_path.iterdir() if one.name not in ("appendonlydir", "dump.rdb")]
    load(files(tmp_path))
    files(tmp_path).exchange(SET)


@pytest.mark.parametrize("changes", STEPS)
def test_giving_up_is_cut_off_anywhere_and_done_again(tmp_path: Path, changes: int) -> None:
    cuts = 0
    for cut in range(40):
        path = tmp_path / str(cut)
        before = exchanged(path, changes)
        try:
            with pytest.MonkeyPatch.context() as patch, cut_before(cut, patch):
                files(path).give_up(unnoted=False)
        except Cut:
            cuts += 1
            assert files(path).give_up(unnoted=False)
        assert tree(path) == before
        if cuts <= cut:
            break
    assert 0 < cuts < 40


def test_what_was_empty_before_is_empty_again(tmp_path: Path) -> None:
    load(files(tmp_path))
    files(tmp_path).exchange(SET)
    files(tmp_path).give_up(unnoted=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("changes", [3, 4, 8])
def test_what_a_server_made_in_between_gives_way(tmp_path: Path, changes: int) -> None:
    before = exchanged(tmp_path, changes)
    if changes < 8:
        started(tmp_path)
    files(tmp_path).give_up(unnoted=False)
    assert tree(tmp_path) == before


def give_up(path: Path) -> bool:
    return files(path).give_up(unnoted=True)


@pytest.mark.parametrize("changes", range(1, 5))
def test_a_load_that_finds_half_an_exchange_touches_nothing_and_says_so(tmp_path: Path, changes: int) -> None:
    before = exchanged(tmp_path, changes)
    found = tree(tmp_path)
    work: list[Callable[[], Any]] = [
        lambda: files(tmp_path).begin(),
        lambda: PART.load({"volume": str(tmp_path)}, Stored(tmp_path), TAKEN, task(tmp_path.parent / "work")),
    ]
    for begin in work:
        with pytest.raises(Failure, match="cut off while it exchanged data") as failure:
            begin()
        assert failure.value.kind == HALF
        files(tmp_path).discard()
        assert tree(tmp_path) == found
    assert give_up(tmp_path)
    assert tree(tmp_path) == before
    files(tmp_path).begin()


@pytest.mark.parametrize("changes", [2, 3, 4])
def test_of_a_server_that_went_on_without_its_files_nothing_is_lost(tmp_path: Path, changes: int) -> None:
    cuts, before = 0, {}
    for cut in range(40):
        path = tmp_path / str(cut)
        before = exchanged(path, changes)
        started(path)
        try:
            with pytest.MonkeyPatch.context() as patch, cut_before(cut, patch):
                give_up(path)
        except Cut:
            cuts += 1
            give_up(path)
        found = tree(path)
        assert {name: text for name, text in found.items() if name in BETWEEN} == BETWEEN
        kept = {name.removeprefix("earlier/0/"): text for name, text in found.items() if name.startswith("earlier/")}
        assert kept.items() <= before.items()
        assert {name for name in before if name.startswith("appendonlydir")} <= kept.keys()
        assert kept.keys() | found.keys() >= before.keys()
        load(files(path))
        files(path).exchange(SET)
        files(path).forget()
        assert not (path / "earlier").exists()
        if cuts <= cut:
            break
    assert 0 < cuts < 40


def test_what_nobody_can_tell_apart_is_kept_until_the_end(tmp_path: Path) -> None:
    exchanged(tmp_path, 4)
    # Which the server does not read.
    (tmp_path / "replaced/dump.rdb").rename(tmp_path / "dump.rdb")
    assert give_up(tmp_path)
    assert tree(tmp_path) == {"appendonlydir/appendonly.aof.manifest": "old", "earlier/0/0.dump.rdb": "old"}
    load(files(tmp_path))
    files(tmp_path).exchange(SET)
    files(tmp_path).forget()
    assert not (tmp_path / "earlier").exists()


def test_what_is_in_its_place_stays_there(tmp_path: Path) -> None:
    exchanged(tmp_path, 5)
    files(tmp_path).begin()
    assert tree(tmp_path)[BASE] == "new"
    assert (tmp_path / "restored-from").read_text() == SET

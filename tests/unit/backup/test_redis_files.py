"""How Redis' files change places: cut off anywhere, a restore goes on, and old or new data are there as a whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backup.engines.base import HALF
from backup.engines.redis_files import Files
from init.protocol import Failure

SET, OTHER = "20261122-100000-abcd", "20261122-110000-ffff"
CHANGES = ("rename", "replace", "rmdir", "mkdir", "unlink")


class Cut(BaseException):
    """The process ends here."""


@contextmanager
def cut_before(change: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """End the process before its `change`th change of the directory; provide the names of those that were made."""
    made: list[str] = []

    def counted(name: str, original: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if len(made) == change:
                raise Cut
            made.append(name)
            return original(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for name in CHANGES:
            patch.setattr(os, name, counted(name, getattr(os, name)))
        yield made


def volume(path: Path, appending: str = "yes") -> Files:
    """A volume on which a server has been at work."""
    (path / "appendonlydir").mkdir(parents=True)
    (path / "appendonlydir/appendonly.aof.manifest").write_text("old")
    (path / "dump.rdb").write_text("old")
    return files(path, appending)


def files(path: Path, appending: str = "yes") -> Files:
    return Files({"volume": str(path), "expect": {"appendonly": appending}})


def load(target: Files, set_id: str = SET) -> None:
    target.begin().write_text("new")
    target.complete(set_id)


def tree(path: Path) -> dict[str, str]:
    return {str(one.relative_to(path)): one.read_text() for one in sorted(path.rglob("*")) if one.is_file()}


BASE = "appendonlydir/appendonly.aof.1.base.rdb"
PLACED = {
    BASE: "new",
    "appendonlydir/appendonly.aof.1.incr.aof": "",
    "appendonlydir/appendonly.aof.manifest": "file appendonly.aof.1.base.rdb seq 1 type b\n"
    "file appendonly.aof.1.incr.aof seq 1 type i\n",
    "restored-from": SET,
}
REPLACED = {"replaced/appendonlydir/appendonly.aof.manifest": "old", "replaced/dump.rdb": "old"}


def test_a_load_touches_nothing_and_is_discarded(tmp_path: Path) -> None:
    target = volume(tmp_path)
    before = tree(tmp_path)
    load(target)
    assert {name: text for name, text in tree(tmp_path).items() if not name.startswith("restoring/")} == before
    target.discard()
    target.discard()
    assert tree(tmp_path) == before


@pytest.mark.parametrize(("appending", "placed"), [("yes", PLACED), ("no", {"dump.rdb": "new", "restored-from": SET})])
def test_an_exchange_puts_the_new_files_in_place_and_keeps_the_old(
    tmp_path: Path, appending: str, placed: dict[str, str]
) -> None:
    target = volume(tmp_path, appending)
    load(target)
    target.exchange(SET)
    assert tree(tmp_path) == {**placed, **REPLACED}
    target.exchange(SET)
    target.forget()
    target.forget()
    target.exchange(SET)
    assert tree(tmp_path) == placed


def test_an_exchange_that_is_cut_off_before_any_change_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = 0
    while True:
        path = tmp_path / str(changes)
        load(volume(path))
        try:
            with cut_before(changes, monkeypatch):
                files(path).exchange(SET)
        except Cut:
            files(path).exchange(SET)
            assert tree(path) == {**PLACED, **REPLACED}
            changes += 1
        else:
            break
    assert changes == 8


def test_a_load_that_is_cut_off_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = volume(tmp_path)
    before = tree(tmp_path)
    target.begin().write_text("only a part")
    with pytest.raises(Failure, match="is not complete"):
        target.exchange(SET)
    load(target)
    with pytest.raises(Cut), cut_before(1, monkeypatch):
        target.discard()
    with pytest.raises(Failure, match="is not complete"):
        target.exchange(SET)
    target.discard()
    assert tree(tmp_path) == before


@pytest.mark.parametrize("change", [3, 4])
def test_files_of_a_server_that_ran_in_between_are_out_of_the_way_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: int
) -> None:
    load(volume(tmp_path))
    # The old files are gone, and the new ones are not there yet.
    with pytest.raises(Cut), cut_before(change, monkeypatch):
        files(tmp_path).exchange(SET)
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / BASE).write_text("in between")
    files(tmp_path).exchange(SET)
    between = {"aside/0.appendonlydir/appendonly.aof.1.base.rdb": "in between"}
    assert tree(tmp_path) == {**PLACED, **REPLACED, **between}


def test_another_set_is_not_taken_for_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(volume(tmp_path), OTHER)
    with pytest.raises(Failure, match=f"is of set {OTHER}, not set {SET}"):
        files(tmp_path).exchange(SET)
    with pytest.raises(Cut), cut_before(4, monkeypatch):
        files(tmp_path).exchange(OTHER)
    with pytest.raises(Failure, match="cut off while it exchanged data") as failure:
        files(tmp_path).begin()
    assert failure.value.kind == HALF
    files(tmp_path).discard()
    files(tmp_path).exchange(OTHER)
    assert tree(tmp_path)["restored-from"] == OTHER


def test_a_volume_that_is_not_mounted_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="is no directory"):
        files(tmp_path / "missing")

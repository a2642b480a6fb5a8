"""A directory as target: files are there whole, or not at all."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup.targets.base import Item
from backup.targets.directory import Directory
from init.protocol import Failure
from tests.unit.backup.apart import kill_when_told, on_small_disk
from tests.unit.backup.making import directory

_FULL = """
import sys, os
from pathlib import Path
from backup.targets.directory import Directory
from init.protocol import Failure
target = Directory(Path(sys.argv[1]))
with target.write("a/kept") as stream:
    stream.write(b"kept")
for size in (100, 100_000, 5_000_000):
    try:
        with target.write("a/big") as stream:
            while True:
                stream.write(os.urandom(size))
    except Failure as failure:
        print(failure.kind, "|", failure.message, "|", failure.fix)
with target.locked("prune", 0):
    print([item.path for item in target.items()], sorted(os.listdir(Path(sys.argv[1], "a"))), target.free() > 500_000)
"""
_KILLED = """
import sys, os, time
from pathlib import Path
from backup.targets.directory import Directory
with Directory(Path(sys.argv[1])).write("a/big") as stream:
    stream.write(os.urandom(3_000_000))
    print("writing", flush=True)
    time.sleep(100)
"""


def write(target: Directory, path: str, content: bytes) -> None:
    with target.write(path) as stream:
        stream.write(content)


def paths(target: Directory, prefix: str = "") -> list[str]:
    return [item.path for item in target.items(prefix)]


def test_what_was_written_is_read_and_listed(tmp_path: Path) -> None:
    target = directory(tmp_path / "target")
    write(target, "b/ü x/3", b"three" * 1_000_000)
    write(target, "a.b", b"")
    write(target, "a/1", b"one")
    with target.read("b/ü x/3") as stream:
        assert stream.read(7) == b"threeth"
        assert len(stream.read()) == 4_999_993
    assert paths(target) == ["a.b", "a/1", "b/ü x/3"]
    assert (paths(target, "a"), paths(target, "a/"), paths(target, "b/ü")) == (["a.b", "a/1"], ["a/1"], ["b/ü x/3"])
    [item] = target.items("a/1")
    assert item == Item(path="a/1", size=3, modified=(tmp_path / "target/a/1").stat().st_mtime)
    assert paths(target, "nothing/here") == []
    assert target.free() == pytest.approx(os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize, rel=0.1)


def test_a_file_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    target = directory(tmp_path)
    write(target, "a", b"old")

    def fail() -> None:
        with target.write("a") as stream:
            stream.write(b"new" * 1_000_000)
            with target.read("a") as old:
                assert old.read() == b"old"
            assert paths(target) == ["a"]
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail()
    assert os.listdir(tmp_path) == ["a"]
    write(target, "a", b"new")
    with target.read("a") as stream:
        assert stream.read() == b"new"


def test_a_sweep_removes_empty_directories_of_its_part(tmp_path: Path) -> None:
    target = directory(tmp_path / "target")
    write(target, "dev/sets/whole/1", b"")
    for path in ("dev/sets/begun/engine", "dev/wal/begun"):
        (tmp_path / "target" / path).mkdir(parents=True)
    assert target.sweep("dev/sets/") == 0
    assert os.listdir(tmp_path / "target/dev/sets") == ["whole"]
    assert os.listdir(tmp_path / "target/dev/wal") == ["begun"]
    assert target.sweep() == 0
    assert os.listdir(tmp_path / "target/dev") == ["sets"]
    target.remove("dev/sets/whole/1")
    assert target.sweep() == 0
    assert os.listdir(tmp_path / "target") == []


def test_a_removed_file_takes_its_empty_directories_with_it(tmp_path: Path) -> None:
    target = directory(tmp_path)
    write(target, "a/b/c/1", b"")
    write(target, "a/2", b"")
    for _ in range(2):
        target.remove("a/b/c/1")
        assert os.listdir(tmp_path / "a") == ["2"]
    target.remove("a/2")
    assert os.listdir(tmp_path) == []


def test_a_killed_write_is_not_listed_and_is_swept(tmp_path: Path) -> None:
    target = directory(tmp_path)
    kill_when_told(_KILLED, str(tmp_path))
    assert (paths(target), len(os.listdir(tmp_path / "a"))) == ([], 1)
    assert (target.sweep("b"), target.sweep("a/"), target.sweep("a/")) == (0, 1, 0)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_told_with_what_is_free_and_loses_nothing(tmp_path: Path) -> None:
    *failures, last = on_small_disk(_FULL, tmp_path, "1m").splitlines()
    assert len(failures) == 3
    for failure in failures:
        kind, message, fix = failure.split(" | ")
        assert (kind, message.startswith(f"directory {tmp_path}: a/big: ")) == ("TargetFull", True)
        assert "bytes are free: No space left on device" in message
        assert "karen backup prune" in fix
    assert last == "['a/kept'] ['kept'] True"


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    target = Directory(tmp_path / "not mounted")

    def lock() -> None:
        with target.locked("who", 0):
            pass

    for attempt in (lambda: write(target, "a", b""), lambda: paths(target), target.free, target.sweep, lock):
        with pytest.raises(Failure, match="no such directory") as caught:
            attempt()
        assert caught.value.kind == "TargetFailed"
    assert not (tmp_path / "not mounted").exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="dev/x: there is no such file") as caught, directory(tmp_path).read("dev/x"):
        pass
    assert caught.value.kind == "NotFound"


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x"])
def test_no_path_leads_out_of_it(tmp_path: Path, path: str) -> None:
    target = directory(tmp_path / "target")
    with pytest.raises(Failure, match="is no path below it"):
        write(target, path, b"")
    with pytest.raises(Failure, match="is no path below it"):
        target.remove(path)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 3_000_000), max_size=4))
def test_blocks_of_any_size_come_back(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    target = directory(tmp_path_factory.mktemp("blocks"))
    blocks = [os.urandom(size) for size in sizes]
    with target.write("a") as stream:
        for block in blocks:
            stream.write(block)
    with target.read("a") as stream:
        assert stream.read() == b"".join(blocks)

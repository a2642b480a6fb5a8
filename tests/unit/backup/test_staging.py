"""Staging directories: one that is in use is nobody else's to remove, and one whose process was killed is removed by the next."""

import threading
from pathlib import Path

import pytest

from backup import staging
from backup.staging import staged, sweep
from tests.unit.backup.apart import kill_when_told

_KILLED = """
import subprocess, sys, time
from backup.staging import staged
with staged(sys.argv[1]) as path:
    (path / "half").mkdir()
    (path / "half" / "copy").write_bytes(b"x" * 1000)
    # A tool that was started there outlives who has started it.
    tool = subprocess.Popen(["sleep", "2"], cwd=path, stdout=subprocess.DEVNULL)
    print("staged", flush=True)
    time.sleep(100)
"""


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_what_is_in_use_stays_and_what_a_killed_one_has_left_goes(tmp_path: Path) -> None:
    (tmp_path / "wal").mkdir()
    (tmp_path / "task-file").write_bytes(b"")
    with staged(str(tmp_path)) as mine:
        assert (names(mine), mine.stat().st_mode & 0o777) == ([], 0o700)
        (mine / "file").write_bytes(b"")
        kill_when_told(_KILLED, str(tmp_path))
        [left] = set(names(tmp_path)) - {mine.name, "wal", "task-file"}
        with staged(str(tmp_path)) as other:
            assert names(tmp_path) == sorted((mine.name, other.name, "wal", "task-file"))
            assert left not in names(tmp_path)
        assert (sweep(str(tmp_path)), names(mine)) == ([], ["file"])
    assert names(tmp_path) == ["task-file", "wal"]


def test_without_a_place_of_its_own_it_is_where_temporary_files_are() -> None:
    with staged("") as path:
        assert path.is_dir()
    assert not path.exists()
    assert sweep("/nonexistent") == []


def test_one_that_is_being_made_is_never_removed(tmp_path: Path) -> None:
    ended = threading.Event()

    def sweep_on() -> None:
        while not ended.is_set():
            sweep(str(tmp_path))

    sweeping = threading.Thread(target=sweep_on)
    sweeping.start()
    try:
        for count in range(300):
            with staged(str(tmp_path)) as path:
                (path / "file").write_text(str(count))
                assert (path / "file").read_text() == str(count)
    finally:
        ended.set()
        sweeping.join()
    assert names(tmp_path) == []


def test_one_that_a_sweep_had_before_its_lock_was_there_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = staging._locked
    taken: list[str] = []

    def after_a_sweep(path: Path) -> int | None:
        if not taken:
            taken.append(path.name)
            assert sweep(str(tmp_path)) == taken
        return real(path)

    monkeypatch.setattr(staging, "_locked", after_a_sweep)
    with staged(str(tmp_path)) as path:
        assert (path.name not in taken, names(tmp_path)) == (True, [path.name])

"""A restore of DuckDB is given up until its file is renamed; what nobody could write into the old file is not lost."""

import os
from pathlib import Path
from typing import Any

import pytest

from backup.engines.duckdb import PART
from backup.model import Taken
from tests.contract.backup.plain_files import Files, task
from tests.unit.backup.duckdb_samples import COUNTS, holding, names

FILES = ["kari.db", "kari.db.lease"]


def cut(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_until_it_is_renamed_the_old_file_stays(
    duckdb_target: dict[str, Any], duckdb_set: tuple[Files, Taken], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, taken = duckdb_set
    PART.load(duckdb_target, files, taken, task(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            PART.exchange(duckdb_target, taken, task(tmp_path))
    for _ in range(2):
        assert PART.give_up(duckdb_target, taken, task(tmp_path))
        assert PART.summarize(duckdb_target)[0] == {"old": 1}
        assert names(duckdb_target) == FILES


def test_from_then_on_the_new_one_does(
    duckdb_target: dict[str, Any], duckdb_set: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = duckdb_set
    PART.load(duckdb_target, files, taken, task(tmp_path))
    PART.exchange(duckdb_target, taken, task(tmp_path))
    for _ in range(2):
        assert not PART.give_up(duckdb_target, taken, task(tmp_path))
    PART.finish(duckdb_target, taken, task(tmp_path))
    assert (PART.summarize(duckdb_target)[0], names(duckdb_target)) == (COUNTS, FILES)


@pytest.mark.parametrize("replaces", [0, 1])
def test_the_log_of_a_file_that_cannot_be_opened_comes_back_with_it(
    duckdb_target: dict[str, Any],
    duckdb_set: tuple[Files, Taken],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    replaces: int,
) -> None:
    files, taken = duckdb_set
    PART.load(duckdb_target, files, taken, task(tmp_path))
    holding(duckdb_target).communicate("")
    path = Path(duckdb_target["path"])
    whole, log = path.read_bytes(), path.with_name("kari.db.wal").read_bytes()
    path.write_bytes(b"nonsense" * 100)
    left, replace = replaces, os.replace

    def cut_later(*paths: Any, **options: Any) -> None:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        replace(*paths, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", cut_later)
        with pytest.raises(KeyboardInterrupt):
            PART.exchange(duckdb_target, taken, task(tmp_path))
    assert PART.give_up(duckdb_target, taken, task(tmp_path))
    assert path.with_name("kari.db.wal").read_bytes() == log
    path.write_bytes(whole)
    assert PART.summarize(duckdb_target)[0] == {"old": 1, "logged": 1}
    PART.load(duckdb_target, files, taken, task(tmp_path))
    path.write_bytes(b"nonsense" * 100)
    path.with_name("kari.db.wal").write_bytes(log)
    PART.exchange(duckdb_target, taken, task(tmp_path))
    PART.finish(duckdb_target, taken, task(tmp_path))
    assert (PART.summarize(duckdb_target)[0], names(duckdb_target)) == (COUNTS, FILES)

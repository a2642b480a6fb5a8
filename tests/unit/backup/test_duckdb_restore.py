"""A restore of DuckDB that is cut off, of a damaged set, or into a file that somebody has: old or new data are there as a whole."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backup.engines.duckdb import PART
from backup.model import Taken
from init.protocol import Failure
from tests.contract.backup.plain_files import Files, task
from tests.unit.backup.duckdb_samples import COUNTS, holding, names, run

SET = "20261122-100000-abcd"


def test_nobody_gets_in_while_a_file_is_exchanged(
    duckdb_target: dict[str, Any], duckdb_set: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = duckdb_set
    PART.load(duckdb_target, files, taken, task(tmp_path))
    process = holding(duckdb_target)
    with pytest.raises(Failure, match="still in use"):
        PART.exchange(duckdb_target, taken, task(tmp_path))
    process.communicate("")
    assert {"kari.db.wal", "kari.db.restoring"} < set(names(duckdb_target))
    PART.exchange(duckdb_target, taken, task(tmp_path))
    assert "kari.db.wal" not in names(duckdb_target)
    PART.finish(duckdb_target, taken, task(tmp_path))
    assert PART.summarize(duckdb_target)[0] == COUNTS


def damages(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    yield data[:-1]
    yield b""
    for place_ in range(100, len(data), len(data) // 7):
        yield data[:place_] + bytes([data[place_] ^ 1]) + data[place_ + 1 :]


def test_a_damaged_file_is_refused_and_what_is_there_stays(
    duckdb_target: dict[str, Any], duckdb_set: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = duckdb_set
    stored = files.directory / files.names[0]
    before = PART.summarize(duckdb_target)
    for data in list(damages(stored)):
        stored.write_bytes(data)
        with pytest.raises(Failure, match=SET) as failure:
            PART.load(duckdb_target, files, taken, task(tmp_path))
        assert failure.value.kind == "Damaged"
        with pytest.raises(Failure, match="is not complete"):
            PART.exchange(duckdb_target, taken, task(tmp_path))
    PART.discard(duckdb_target, task(tmp_path))
    assert names(duckdb_target) == ["kari.db", "kari.db.lease"]
    assert PART.summarize(duckdb_target) == before


@pytest.mark.parametrize("name", ["unlink", "replace"])
def test_an_exchange_that_is_cut_off_goes_on(
    duckdb_target: dict[str, Any],
    duckdb_set: tuple[Files, Taken],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    files, taken = duckdb_set
    PART.load(duckdb_target, files, taken, task(tmp_path))

    def cut(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, name, cut)
        with pytest.raises(KeyboardInterrupt):
            PART.exchange(duckdb_target, taken, task(tmp_path))
    assert PART.summarize(duckdb_target)[0] == {"old": 1}
    for _ in range(2):
        PART.exchange(duckdb_target, taken, task(tmp_path))
    PART.finish(duckdb_target, taken, task(tmp_path))
    assert PART.summarize(duckdb_target)[0] == COUNTS


def test_other_contents_are_found(
    duckdb_target: dict[str, Any], duckdb_set: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = duckdb_set
    PART.load(duckdb_target, files, taken, task(tmp_path))
    with pytest.raises(Failure, match="is of set 20261122-100000-abcd, not set another"):
        PART.exchange(duckdb_target, taken, task(tmp_path, "another"))
    PART.exchange(duckdb_target, taken, task(tmp_path))
    for statement, message in (
        ("UPDATE valued SET f = 0.0 WHERE f = '-inf'", "other contents in 4 rows in valued"),
        ("INSERT INTO empty VALUES (1)", "1 rows instead of 0 in empty"),
    ):
        run(duckdb_target, statement)
        with pytest.raises(Failure, match=message):
            PART.finish({**duckdb_target, "alone": True}, taken, task(tmp_path))
    assert json.loads(Path(f"{duckdb_target['path']}.lease").read_text())["holder"] == "ai-karen-backup"

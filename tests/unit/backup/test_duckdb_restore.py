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
from tests.contract.backup.plain_files import Files, backed_up, task
from tests.unit.backup.duckdb_samples import COUNTS, OBJECTS, VALUES, holding, names, place, run

SET = "20261122-100000-abcd"


@pytest.fixture
def source(tmp_path: Path) -> dict[str, Any]:
    found = place(tmp_path / "source")
    run(found, OBJECTS, VALUES)
    return found


@pytest.fixture
def target(tmp_path: Path) -> dict[str, Any]:
    found = place(tmp_path / "target")
    run(found, "CREATE TABLE old AS SELECT 1")
    return found


@pytest.fixture
def part(source: dict[str, Any], tmp_path: Path) -> tuple[Files, Taken]:
    return backed_up(PART, source, tmp_path)


def test_nobody_gets_in_while_a_file_is_exchanged(
    target: dict[str, Any], part: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = part
    PART.load(target, files, taken, task(tmp_path))
    process = holding(target)
    with pytest.raises(Failure, match="still in use"):
        PART.exchange(target, taken, task(tmp_path))
    process.communicate("")
    assert {"kari.db.wal", "kari.db.restoring"} < set(names(target))
    PART.exchange(target, taken, task(tmp_path))
    assert "kari.db.wal" not in names(target)
    PART.finish(target, taken, task(tmp_path))
    assert PART.summarize(target)[0] == COUNTS


def damages(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    yield data[:-1]
    yield b""
    for place_ in range(100, len(data), len(data) // 7):
        yield data[:place_] + bytes([data[place_] ^ 1]) + data[place_ + 1 :]


def test_a_damaged_file_is_refused_and_what_is_there_stays(
    target: dict[str, Any], part: tuple[Files, Taken], tmp_path: Path
) -> None:
    files, taken = part
    stored = files.directory / files.names[0]
    before = PART.summarize(target)
    for data in list(damages(stored)):
        stored.write_bytes(data)
        with pytest.raises(Failure, match=SET) as failure:
            PART.load(target, files, taken, task(tmp_path))
        assert failure.value.kind == "Damaged"
        with pytest.raises(Failure, match="is not complete"):
            PART.exchange(target, taken, task(tmp_path))
    PART.discard(target, task(tmp_path))
    assert names(target) == ["kari.db", "kari.db.lease"]
    assert PART.summarize(target) == before


@pytest.mark.parametrize("name", ["unlink", "replace"])
def test_an_exchange_that_is_cut_off_goes_on(
    target: dict[str, Any], part: tuple[Files, Taken], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    files, taken = part
    PART.load(target, files, taken, task(tmp_path))

    def cut(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, name, cut)
        with pytest.raises(KeyboardInterrupt):
            PART.exchange(target, taken, task(tmp_path))
    assert PART.summarize(target)[0] == {"old": 1}
    for _ in range(2):
        PART.exchange(target, taken, task(tmp_path))
    PART.finish(target, taken, task(tmp_path))
    assert PART.summarize(target)[0] == COUNTS


def test_other_contents_are_found(target: dict[str, Any], part: tuple[Files, Taken], tmp_path: Path) -> None:
    files, taken = part
    PART.load(target, files, taken, task(tmp_path))
    with pytest.raises(Failure, match="is of set 20261122-100000-abcd, not set another"):
        PART.exchange(target, taken, task(tmp_path, "another"))
    PART.exchange(target, taken, task(tmp_path))
    for statement, message in (
        ("UPDATE valued SET f = 0.0 WHERE f = '-inf'", "other contents in 4 rows in valued"),
        ("INSERT INTO empty VALUES (1)", "1 rows instead of 0 in empty"),
    ):
        run(target, statement)
        with pytest.raises(Failure, match=message):
            PART.finish({**target, "alone": True}, taken, task(tmp_path))
    assert json.loads(Path(f"{target['path']}.lease").read_text())["holder"] == "ai-karen-backup"

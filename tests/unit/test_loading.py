"""Files to load: what is refused before a job is started, and that they are read in pieces."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from init.loads import arrays, header, source
from init.loads.arrays import Description
from init.protocol import Failure


def refusal(engine: str, path: Path) -> str:
    with pytest.raises(Failure) as caught:
        source.read(engine, path)
    assert caught.value.kind == "BadRequest"
    assert caught.value.fix
    return caught.value.message


def test_a_file_that_an_engine_does_not_take_is_refused_with_those_that_it_does(tmp_path: Path) -> None:
    assert "allowed: postgres, duckdb, elasticsearch, milvus" in refusal("redis", tmp_path / "a.csv")
    assert "a.txt is no .csv file; allowed for postgres: .csv" in refusal("postgres", tmp_path / "a.txt")
    assert "allowed for elasticsearch: .ndjson or .jsonl" in refusal("elasticsearch", tmp_path / "a.json")
    assert "is no file" in refusal("duckdb", tmp_path / "a.csv")


def test_text_is_read_in_pieces(tmp_path: Path) -> None:
    file = tmp_path / "a.CSV"
    file.write_bytes(b"0123456789" * 300_000)
    read = source.read("postgres", file)
    pieces = list(read.pieces)
    assert read.size == 3_000_000
    assert max(map(len, pieces)) < 2_000_000
    assert b"".join(pieces) == file.read_bytes()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_range_by_range(tmp_path: Path, save: Any) -> None:
    file = tmp_path / "a.npz"
    given = {"key": np.arange(10), "vector": np.arange(20, dtype="f4").reshape(10, 2), "name": np.array(["ä"] * 10)}
    save(file, **given)
    size, pieces = arrays.read(file, batch_bytes=80)
    description = Description.decode(next(pieces))
    assert (description.rows, description.batch, size) == (10, 4, 200)
    assert [array.name for array in description.arrays] == list(given)
    for start in range(0, 10, 4):
        for array in description.arrays:
            assert next(pieces) == given[array.name][start : start + 4].tobytes()
    assert list(pieces) == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"a": np.arange(3), "b": np.arange(4)}, "not all arrays have the same number of rows: a 3, b 4"),
        ({"a": np.array([{}])}, "an array of type |O; allowed: numbers, booleans and strings"),
        ({"a": np.array(1)}, "the shape (); allowed: one entry a row"),
        ({"a": np.asfortranarray(np.ones((2, 3)))}, "stored column by column"),
        ({"a": np.array([("x", 1)], dtype=[("s", "U1"), ("n", "i4")])}, "an array of type"),
        ({}, "no array"),
    ],
)
def test_an_archive_of_other_arrays_is_refused(tmp_path: Path, given: dict[str, Any], reason: str) -> None:
    file = tmp_path / "a.npz"
    np.savez(file, **given)
    assert reason in refusal("milvus", file)


def test_an_archive_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    file.write_bytes(b"PK")
    assert "is no NumPy archive" in refusal("milvus", file)
    for name, content in (("a.txt", b""), ("a.npy", b"short"), ("a.npy", b"x" * 200)):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, content)
        assert "is no NumPy archive" in refusal("milvus", file)


def test_an_archive_that_ends_early_is_refused_while_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez(file, a=np.arange(10))
    with zipfile.ZipFile(file) as archive:
        cut = archive.read("a.npy")[:-8]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", cut)
    _, pieces = arrays.read(file)
    with pytest.raises(Failure, match="ends before its row 10"):
        list(pieces)


def test_a_header_may_arrive_in_pieces_and_stays_part_of_the_data() -> None:
    data = [b'\xef\xbb\xbf"a,', b'b",c\r', b"\n1,2\n"]
    columns, rest = header.split(data)
    assert columns == ["a,b", "c"]
    assert b"".join(rest) == b"".join(data)


@pytest.mark.parametrize("start", [b"", b"\n1,2", b"\xff\xfe\n", b'"a\n', b"x" * 2_000_000])
def test_data_without_a_header_line_is_refused(start: bytes) -> None:
    with pytest.raises(Failure, match="CSV file is refused"):
        header.split([start])

"""`.npz` files, read without NumPy and in pieces: an array for each field, one entry a row, as `numpy.savez` writes them.

They are sent row range by row range, so that no more than one batch of all fields is in memory: first a description in JSON,
then for every batch the bytes of each field.
"""

import ast
import json
import math
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from init.protocol import Failure

# A batch is one insert. Found by measurement; Milvus refuses messages above 64 MiB.
BATCH_BYTES = 8 * 1024 * 1024
_MAGIC = b"\x93NUMPY"
# Numbers, booleans and text of a fixed length: what NumPy stores without pickling.
_TYPE = re.compile(r"[<>|=](?P<kind>[biufSU])(?P<size>\d+)")
_CHARACTER_BYTES = 4
_FIX = "write it with numpy.savez, one array for each field, text and JSON as arrays of strings"


@dataclass(frozen=True)
class Array:
    """One field: its NumPy type, and the shape of one row (`[384]` for vectors, `[]` for numbers)."""

    name: str
    dtype: str
    shape: Sequence[int]

    @property
    def row_bytes(self) -> int:
        """Return how long a row of it is."""
        parsed = _TYPE.fullmatch(self.dtype)
        assert parsed is not None
        return int(parsed["size"]) * (_CHARACTER_BYTES if parsed["kind"] == "U" else 1) * math.prod(self.shape)


@dataclass(frozen=True)
class Description:
    """What the first piece says."""

    rows: int
    batch: int
    arrays: Sequence[Array]

    def encode(self) -> bytes:
        """Return it as the first piece."""
        arrays = [{"name": one.name, "dtype": one.dtype, "shape": list(one.shape)} for one in self.arrays]
        return json.dumps({"rows": self.rows, "batch": self.batch, "arrays": arrays}).encode()

    @classmethod
    def decode(cls, piece: bytes) -> "Description":
        """Return the description of a first piece."""
        document: Mapping[str, Any] = json.loads(piece)
        return cls(document["rows"], document["batch"], [Array(**one) for one in document["arrays"]])


def read(path: Path, batch_bytes: int = BATCH_BYTES) -> tuple[int, Iterator[bytes]]:
    """Return how many bytes of rows a file holds, and its pieces; BadRequest when it is not made of such arrays."""
    try:
        archive = zipfile.ZipFile(path)
        opened = [(*_open(archive, name), name) for name in archive.namelist()]
    except (OSError, ValueError, SyntaxError, struct.error, zipfile.BadZipFile) as error:
        raise Failure("BadRequest", f"{path.name} is no NumPy archive: {error}", _FIX) from None
    lengths = {name.removesuffix(".npy"): rows for _, rows, _, name in opened}
    if len(set(lengths.values())) != 1:
        counts = ", ".join(f"{name} {rows}" for name, rows in lengths.items()) or "no array"
        raise Failure("BadRequest", f"{path.name}: not all arrays have the same number of rows: {counts}", _FIX)
    rows = next(iter(lengths.values()))
    arrays = [array for array, _, _, _ in opened]
    row_bytes = sum(array.row_bytes for array in arrays)
    description = Description(rows, max(1, batch_bytes // max(1, row_bytes)), arrays)
    return rows * row_bytes, _pieces(archive, description, [stream for _, _, stream, _ in opened])


def _pieces(archive: zipfile.ZipFile, description: Description, streams: Sequence[IO[bytes]]) -> Iterator[bytes]:
    with archive:
        yield description.encode()
        for start in range(0, description.rows, description.batch):
            count = min(description.batch, description.rows - start)
            for array, stream in zip(description.arrays, streams, strict=True):
                data = stream.read(count * array.row_bytes)
                if len(data) != count * array.row_bytes:
                    raise Failure("BadRequest", f"the array {array.name} ends before its row {start + count}", _FIX)
                yield data


def _open(archive: zipfile.ZipFile, name: str) -> tuple[Array, int, IO[bytes]]:
    """Return an array's description, its rows, and the stream that stands at the first of them."""
    if not name.endswith(".npy"):
        raise ValueError(f"it holds {name}")
    stream = archive.open(name)
    magic, major, _ = struct.unpack("6sBB", stream.read(8))
    if magic != _MAGIC:
        raise ValueError(f"{name} is no array")
    (length,) = struct.unpack("<H", stream.read(2)) if major == 1 else struct.unpack("<I", stream.read(4))
    header = ast.literal_eval(stream.read(length).decode("latin1").strip())
    shape, dtype = header["shape"], header["descr"]
    if not isinstance(dtype, str) or _TYPE.fullmatch(dtype) is None:
        raise ValueError(f"{name} is an array of type {dtype}; allowed: numbers, booleans and strings")
    if not shape or math.prod(shape[1:]) == 0:
        raise ValueError(f"{name} has the shape {shape}; allowed: one entry a row")
    if header["fortran_order"] and len(shape) > 1:
        raise ValueError(f"{name} is stored column by column; numpy.ascontiguousarray changes that")
    return Array(name.removesuffix(".npy"), dtype, list(shape[1:])), shape[0], stream

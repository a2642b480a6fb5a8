"""Files to load, as they are read on the host: a kind of file per engine, in pieces that fit into memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from init.loads import arrays
from init.protocol import Failure

# The kinds of file that each engine takes.
SUFFIXES = {
    "postgres": ("csv",),
    "duckdb": ("csv",),
    "elasticsearch": ("ndjson", "jsonl"),
    "milvus": ("npz",),
}
_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Source:
    """A file's data: how many bytes there are to send, and the pieces."""

    size: int
    pieces: Iterator[bytes]


def read(engine: str, path: Path) -> Source:
    """Open a file for an engine; BadRequest names what is allowed when it cannot be loaded there."""
    suffixes = SUFFIXES.get(engine)
    if suffixes is None:
        allowed = ", ".join(SUFFIXES)
        raise Failure("BadRequest", f"engine is {engine!r}; allowed: {allowed}", "name one of these")
    if path.suffix.removeprefix(".").lower() not in suffixes:
        allowed = " or ".join(f".{suffix}" for suffix in suffixes)
        raise Failure("BadRequest", f"{path.name} is no {allowed} file; allowed for {engine}: {allowed}", "convert it")
    if not path.is_file():
        raise Failure("BadRequest", f"{path} is no file", "name a file that exists")
    if engine == "milvus":
        return Source(*arrays.read(path))
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise Failure("BadRequest", f"{path} cannot be read: {error.strerror}", "make it readable") from None

    def pieces() -> Iterator[bytes]:
        with file:
            while piece := file.read(_PIECE_BYTES):
                yield piece

    return Source(path.stat().st_size, pieces())

"""The collections of a server, read one after the other."""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from pymilvus import MilvusException

from backup.engines.milvus_memory import Pace, readable
from backup.engines.milvus_names import RESTORING
from backup.engines.milvus_rows import Sums, Tell, pages
from backup.engines.milvus_server import COLLECTION_GONE, Server
from backup.engines.milvus_shapes import Shape, look
from init.engines.base import log
from init.engines.milvus_collections import SERVICE

ROWS = "collections/{}.rows"
_LENGTH = struct.Struct(">I")
Open = Callable[[str], Any]


@dataclass
class Export:
    """What was read: the shapes in order, counts and checksums by public name, and what was dropped meanwhile."""

    shapes: list[Shape] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)


class _Gone(Exception):
    """The collection was dropped, or made anew."""


def survey(server: Server) -> Iterator[tuple[int, Shape]]:
    """Return every collection but those of a restore, with its number."""
    for database in server.databases():
        for name in server.names(database):
            found = None if name.startswith(RESTORING) else look(server, database, name)
            if found:
                yield found


def export(server: Server, tell: Tell, opened: Open) -> Export:
    """Read every collection; `opened` returns a context with the stream for the rows of one, by its file's name."""
    result, told = Export(), Pace(tell)
    for number, shape in list(survey(server)):
        if shape.is_ledger:
            result.shapes.append(shape)
            continue
        try:
            with opened(ROWS.format(shape.public)) as stream:
                sums = _write(server, number, shape, told, stream)
        except _Gone:
            log(SERVICE, f"{shape.public} was dropped meanwhile, and is left out")
            result.dropped.append(shape.public)
            continue
        result.shapes.append(shape)
        result.counts[shape.public], result.checksums[shape.public] = sums.count, sums.checksum
    return result


def read(server: Server, shape: Shape, tell: Tell, take: Callable[[Any], object] = lambda _: None) -> Sums:
    """Read a collection that is in memory page by page, and sum it."""
    sums = Sums(shape)
    for page in pages(server, shape):
        sums.add(page)
        take(page)
        tell(f"{sums.count} rows of {shape.public} read")
    return sums


def _write(server: Server, number: int, shape: Shape, tell: Tell, stream: IO[bytes] | None) -> Sums:
    def take(page: Any) -> None:
        if stream:
            body = page.SerializeToString()
            stream.write(_LENGTH.pack(len(body)) + body)

    try:
        with readable(server, shape, tell):
            sums = read(server, shape, tell, take)
    except MilvusException as error:
        if error.code == COLLECTION_GONE or not _is_there(server, number, shape):
            raise _Gone from None
        raise
    if not _is_there(server, number, shape):
        raise _Gone
    if stream:
        stream.write(_LENGTH.pack(0))
    return sums


def _is_there(server: Server, number: int, shape: Shape) -> bool:
    """Whether it is still the same collection, and not a new one of the name."""
    found = look(server, shape.database, shape.name)
    return found is not None and found[0] == number


def documents(shapes: list[Shape]) -> list[Mapping[str, Any]]:
    """Return what a set tells of its collections."""
    return [shape.document() for shape in shapes]

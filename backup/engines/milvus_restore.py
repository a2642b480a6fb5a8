"""Collections brought back beside what is there, and compared with the set."""

from collections.abc import Iterable, Iterator
from typing import IO, Any

from pymilvus.grpc_gen import milvus_pb2, schema_pb2

from backup.engines.milvus_export import read
from backup.engines.milvus_memory import Pace, begin, begin_flush, readable, wait_flushed, wait_indexed
from backup.engines.milvus_names import EXCHANGING, LOADED, RESTORING, mark, tag, tag_of
from backup.engines.milvus_rows import Sums, Tell
from backup.engines.milvus_server import Server
from backup.engines.milvus_shapes import DEFAULT, Shape, look, make
from init.engines.base import log
from init.engines.milvus_collections import SERVICE
from init.protocol import Failure, ProtocolError, receive


def prepare(server: Server, name: str, shape: Shape, *, filled: bool) -> None:
    """Make a collection of that name, without rows; an earlier one is dropped. One that is to be filled is being loaded."""
    restored = shape.restored(name)
    drop(server, shape.database, name)
    make(server, restored)
    found = look(server, shape.database, name)
    if found is None or found[1].content != restored.content:
        raise _different(shape.public, "its fields, indexes or properties are not what they are in the set")
    if filled:
        begin(server, restored)


def fill(server: Server, name: str, shape: Shape, stream: IO[bytes], tell: Tell) -> Sums:
    """Write a file's rows into a collection that was prepared, and return the sums of what can be read from it.

    Afterwards it is out of memory.
    """
    restored = shape.restored(name)
    inserted, told = 0, Pace(lambda text: tell(text.replace(name, shape.name)))
    for page in _pages(shape, stream):
        page.db_name, page.collection_name = shape.database, name
        server.send("Insert", page)
        inserted += page.num_rows
        told(f"{inserted} rows of {shape.public} written")
    if not inserted:
        return Sums(restored)
    # Out of the server's log and memory: what was written to storage before takes seconds to be in memory again.
    with readable(server, restored, told):
        return read(server, restored, told)


def store(server: Server, shapes: Iterable[Shape], tell: Tell) -> None:
    """Wait until collections are in storage and indexed."""
    flushing = [(shape, begin_flush(server, shape)) for shape in shapes]
    for shape, answer in flushing:
        wait_flushed(server, answer)
        wait_indexed(server, shape, tell)


def compare(shape: Shape, sums: Sums, count: int, checksum: str) -> None:
    """Raise Failure if a collection is not what the set says."""
    if sums.count != count:
        raise _different(shape.public, f"{sums.count} rows are there of {count}")
    if count and sums.checksum != checksum:
        raise _different(shape.public, f"its {count} rows are not as they were: {sums.checksum} instead of {checksum}")


def drop(server: Server, database: str, name: str) -> None:
    """Drop a collection, its aliases first: they would stay and point to nothing. Nothing to do if it is not there."""
    # By its exact name: an alias would be taken for the collection behind it.
    if name not in server.names(database):
        return
    found = look(server, database, name)
    for alias in found[1].aliases if found else ():
        server.do("DropAlias", db_name=database, alias=alias)
    server.do("DropCollection", db_name=database, collection_name=name)


def stage(server: Server, set_id: str) -> str:
    """Return how far the restore of a set has come: `loaded`, `exchanging`, or "" before that."""
    names = server.names(DEFAULT)
    return next((one for one in (EXCHANGING, LOADED) if mark(set_id, one) in names), "")


def refuse_exchanging(server: Server) -> None:
    """Raise RestoreUnfinished while collections are half replaced, by whatever set."""
    if any(name.startswith(RESTORING) and name.endswith(EXCHANGING) for name in server.names(DEFAULT)):
        raise Failure("RestoreUnfinished", f"{SERVICE}: a restore of its collections is not finished", "restore again")


def mark_loaded(server: Server, set_id: str) -> None:
    """Note that everything is loaded and compared. Only a collection is there after a restart, and at once."""
    name = mark(set_id, LOADED)
    key = schema_pb2.FieldSchema(name="id", data_type=schema_pb2.Int64, is_primary_key=True)
    vector = schema_pb2.FieldSchema(name="unused", data_type=schema_pb2.FloatVector)
    vector.type_params.add(key="dim", value="2")
    schema = schema_pb2.CollectionSchema(name=name, fields=[key, vector])
    server.do("CreateCollection", db_name=DEFAULT, collection_name=name, schema=schema.SerializeToString())


def leftovers(server: Server) -> Iterator[tuple[str, str]]:
    """Return what restores have left, as database and name: the marks last."""
    found = [(one, name) for one in server.databases() for name in server.names(one) if name.startswith(RESTORING)]
    yield from sorted(found, key=lambda one: one[1].endswith((LOADED, EXCHANGING)))


def discard(server: Server, set_id: str) -> None:
    """Drop what loads have left. What an exchange has not put in its place yet is the only copy, and stays."""
    names = server.names(DEFAULT)
    busy = {tag_of(name) for name in names if name.startswith(RESTORING) and name.endswith(EXCHANGING)}
    # A load that was finished before is none any more as soon as the first of its collections goes.
    for stale in (name for name in names if name.startswith(RESTORING) and name.endswith(LOADED)):
        drop(server, DEFAULT, stale)
    for database, name in leftovers(server):
        if tag_of(name) not in busy:
            drop(server, database, name)
    if busy:
        whose = "this set" if tag(set_id) in busy else "another set"
        log(SERVICE, f"what an exchange of {whose} has not finished is kept: restore again, which finishes it")


def _pages(shape: Shape, stream: IO[bytes]) -> Iterator[Any]:
    try:
        for body in receive(stream):
            yield milvus_pb2.InsertRequest.FromString(body)
    except ProtocolError as error:
        raise _different(shape.public, str(error)) from None


def _different(name: str, reason: str) -> Failure:
    message = f"{SERVICE}: {name}: {reason}; what was there before is untouched"
    return Failure("RestoreFailed", message, "check the set (./karen backup verify), or restore another one")

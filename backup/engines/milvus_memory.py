"""Collections in and out of memory: only what is in memory can be read, and only with an index."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pymilvus.grpc_gen import common_pb2

from backup.engines.milvus_rows import Tell
from backup.engines.milvus_server import FIX, Server
from backup.engines.milvus_shapes import PROVISIONAL, Shape, describe_indexes, make_index
from init.engines.base import log
from init.engines.milvus_collections import ERRORS, SERVICE, describe
from init.protocol import Failure

_LOOK_SECONDS = 0.1
_TELL_SECONDS = 2.0
_FLUSH_SECONDS = 120.0
_WHOLE_PERCENT = 100
_BINARY = "BinaryVector"


class Pace:
    """Passes progress on at most every two seconds."""

    def __init__(self, tell: Tell) -> None:
        self._tell, self._told = tell, time.monotonic()

    def __call__(self, text: str) -> None:
        """Tell it, if it is time."""
        if time.monotonic() - self._told >= _TELL_SECONDS:
            self._told = time.monotonic()
            self._tell(text)


@contextmanager
def readable(server: Server, shape: Shape, tell: Tell) -> Iterator[None]:
    """Have all of a collection in memory; afterwards in memory is what was before."""
    missing = [one for one in shape.partitions if one not in shape.loaded]
    if not missing:
        yield
        return
    try:
        if shape.loaded:
            # Milvus 2.3.5 calls partitions loaded that it adds to others, and for seconds leaves their rows out of answers.
            log(SERVICE, f"{shape.public} is out of memory for a moment: only some of its partitions were in it")
            server.do("ReleaseCollection", **shape.place)
        begin(server, shape)
        wait_loaded(server, shape, tell)
        yield
    finally:
        _put_back(server, shape, missing)


def begin(server: Server, shape: Shape) -> None:
    """Begin to bring a whole collection into memory, with an index of its own if it has none."""
    if not shape.indexes:
        _index_provisionally(server, shape)
    server.do("LoadCollection", **shape.place, replica_number=1)


def load(server: Server, shape: Shape, partitions: tuple[str, ...]) -> None:
    """Begin to load these partitions: where they are all, the collection, so that later ones are loaded too."""
    if set(shape.partitions) <= set(partitions):
        server.do("LoadCollection", **shape.place, replica_number=1)
    elif partitions:
        server.do("LoadPartitions", **shape.place, partition_names=list(partitions), replica_number=1)


def wait_loaded(server: Server, shape: Shape, tell: Tell, partitions: tuple[str, ...] = ()) -> None:
    """Wait until a collection (or only these partitions) is in memory; the server says if it cannot be."""
    told = Pace(tell)
    while True:
        # While it is being loaded for the first time, a server may not know of it yet: that is retried.
        done = server.ask(
            "GetLoadingProgress", collection_name=shape.name, db_name=shape.database, partition_names=list(partitions)
        )
        if done.progress >= _WHOLE_PERCENT:
            return
        told(f"{done.progress} % of {shape.public} in memory")
        time.sleep(_LOOK_SECONDS)


def wait_indexed(server: Server, shape: Shape, tell: Tell) -> None:
    """Wait until every index is built; Failure if the server cannot build it."""
    told = Pace(tell)
    finished, broken = (common_pb2.IndexState.Value(name) for name in ("Finished", "Failed"))
    while True:
        indexes = describe_indexes(server, shape.place)
        for index in indexes:
            if index.state == broken:
                raise Failure(
                    "RestoreFailed",
                    f"{SERVICE}: index {index.index_name} of {shape.public}: {index.index_state_fail_reason}",
                    FIX,
                )
            told(f"{index.indexed_rows} of {index.total_rows} rows of {shape.public} indexed")
        if all(index.state == finished for index in indexes):
            return
        time.sleep(_LOOK_SECONDS)


def begin_flush(server: Server, shape: Shape) -> Mapping[str, Any]:
    """Begin to write everything to storage; return what `wait_flushed` asks for."""
    answer = server.do("Flush", db_name=shape.database, collection_names=[shape.name])
    segments = list(answer.coll_segIDs[shape.name].data)
    return {**shape.place, "segmentIDs": segments, "flush_ts": answer.coll_flush_ts[shape.name]}


def wait_flushed(server: Server, flushing: Mapping[str, Any]) -> None:
    """Wait until everything is in storage; Failure if that takes longer than two minutes."""
    deadline = time.monotonic() + _FLUSH_SECONDS
    while not server.ask("GetFlushState", **flushing).flushed:
        if time.monotonic() > deadline:
            message = f"{SERVICE}: {flushing['collection_name']} is not written to storage"
            raise Failure("RestoreFailed", message, FIX)
        time.sleep(_LOOK_SECONDS)


def _index_provisionally(server: Server, shape: Shape) -> None:
    for field in shape.fields:
        if str(field["dataType"]).endswith("Vector"):
            binary = field["dataType"] == _BINARY
            params = (
                {"index_type": "BIN_FLAT", "metric_type": "HAMMING"}
                if binary
                else {"index_type": "FLAT", "metric_type": "L2"}
            )
            make_index(server, shape, {"name": PROVISIONAL, "field": field["name"], "params": params})


def _put_back(server: Server, shape: Shape, missing: list[str]) -> None:
    """Release what was not in memory. What cannot be is told: the rows are not concerned."""
    try:
        if shape.loaded:
            server.do("ReleasePartitions", **shape.place, partition_names=missing)
        else:
            server.do("ReleaseCollection", **shape.place)
        if not shape.indexes and describe_indexes(server, shape.place):
            server.do("DropIndex", **shape.place, index_name=PROVISIONAL)
    except ERRORS as error:
        log(SERVICE, f"{shape.public} stays in memory: {describe(error)}")

"""Redis: an RDB that the server takes when it is asked, compared key by key as it streams, and put in place while it is stopped."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from backup.engines import redis_rdb
from backup.engines.base import Part, Sink, Source, Task, compared
from backup.engines.redis_files import Files
from backup.engines.redis_rdb import Contents
from backup.engines.redis_reader import RdbError
from backup.engines.redis_stream import snapshot
from backup.model import Taken
from init.engines.base import log
from init.protocol import Failure

_FILE = "dump.rdb"
_CHUNK = 256 * 1024
_PROGRESS_SECONDS = 1.0
_MEGABYTE = 1_000_000


class Redis(Part):
    """One server. Users and passwords are in its access list, not in an RDB: nothing of the source's comes along."""

    def back_up(self, connection: Mapping[str, Any], sink: Sink, task: Task) -> Taken:
        """Stream the server's RDB to `dump.rdb`, and read it meanwhile."""

        def waiting() -> None:
            task.progress("waiting for the server to begin")

        with snapshot(connection, waiting) as replica, sink.file(_FILE) as stream:
            chunks = _Passing(replica.chunks(), stream, task.progress, replica.total)
            found = _contents(chunks)
        return Taken(
            tool="redis SYNC",
            server_version=found.facts.get("redis-ver", ""),
            schema_version="",
            counts=found.counts,
            checksums=found.checksums,
            began=replica.began,
            ended=replica.ended,
            details={"bytes": chunks.done},
        )

    def load(self, connection: Mapping[str, Any], source: Source, taken: Taken, task: Task) -> None:
        """Write the RDB beside the server's files, read it meanwhile and compare it with what was taken."""
        files = Files(connection)
        try:
            path = files.begin()
            with source.file(_FILE) as stored, path.open("wb") as stream:
                chunks = _Passing(
                    iter(lambda: stored.read(_CHUNK), b""), stream, task.progress, taken.details.get("bytes")
                )
                found = redis_rdb.read(chunks)
                stream.flush()
                os.fsync(stream.fileno())
            _compare(found, taken, of=f"{_FILE} of set {task.set_id}", select=dict)
            files.complete(task.set_id)
        except RdbError as error:
            raise Failure(
                "Damaged", f"redis: {_FILE} of set {task.set_id} is damaged: {error}", "restore another set"
            ) from None
        except OSError as error:
            raise _unwritable(error) from None

    def exchange(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Put the loaded files in place; the server is stopped."""
        try:
            Files(connection).exchange(task.set_id)
        except OSError as error:
            raise _unwritable(error) from None

    def give_up(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> bool:
        """Put what was there before back in its place; the server is stopped."""
        try:
            if not Files(connection).give_up(unnoted=bool(connection.get("unnoted"))):
                task.progress("it was started since: what it has stays, what was before is in earlier/ until the end")
        except OSError as error:
            raise _unwritable(error) from None
        return True

    def finish(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Compare what the server has read with what was taken, then remove what it had before."""
        found = _running(connection)
        compared(connection, lambda: _compare(found, taken, of="the restored server", select=_lasting), task)
        vanished = sum(taken.counts.values()) - sum(found.counts.values())
        if vanished > 0:
            log("redis", f"{vanished} keys have expired since they were backed up")
        Files(connection).forget()

    def discard(self, connection: Mapping[str, Any], task: Task) -> None:
        """Remove what was loaded."""
        Files(connection).discard()

    def summarize(self, connection: Mapping[str, Any]) -> tuple[Mapping[str, int], Mapping[str, str]]:
        """Have the server send an RDB, and count and sum what is in it."""
        found = _running(connection)
        return found.counts, found.checksums


class _Passing:
    """Hands chunks on as they come, one for each call and b"" at the end, and writes them to a stream."""

    def __init__(
        self, chunks: Iterator[bytes], stream: IO[bytes], progress: Callable[[str], None], total: int | None
    ) -> None:
        self._chunks, self._stream, self._progress, self._total = chunks, stream, progress, total
        self._told = time.monotonic()
        self.done = 0

    def __call__(self) -> bytes:
        chunk = next(self._chunks, b"")
        self._stream.write(chunk)
        self.done += len(chunk)
        if time.monotonic() - self._told > _PROGRESS_SECONDS:
            self._told = time.monotonic()
            of = f" of {self._total // _MEGABYTE}" if self._total else ""
            self._progress(f"{self.done // _MEGABYTE}{of} MB")
        return chunk


def _running(connection: Mapping[str, Any]) -> Contents:
    with snapshot(connection) as replica:
        chunks = replica.chunks()
        return _contents(lambda: next(chunks, b""))


def _contents(chunks: Callable[[], bytes]) -> Contents:
    """Read what a server sends; Failure if it is nothing that can be compared."""
    try:
        return redis_rdb.read(chunks)
    except RdbError as error:
        raise Failure(
            "BackupFailed", f"redis: what the server sent: {error}", "remove it, or leave Redis out"
        ) from None


def _lasting(counts: Mapping[str, int]) -> Mapping[str, int]:
    """Return what does not vanish by itself."""
    return {name: count for name, count in counts.items() if not name.endswith(redis_rdb.EXPIRING)}


def _compare(
    found: Contents, taken: Taken, *, of: str, select: Callable[[Mapping[str, int]], Mapping[str, int]]
) -> None:
    """Compare the databases that `select` leaves with what was taken; Failure `RestoreDiffers` names the first that differs."""
    wanted, counts = select(taken.counts), select(found.counts)
    for name in sorted(wanted.keys() | counts.keys()):
        expected, count = wanted.get(name, 0), counts.get(name, 0)
        if expected == count and (not count or taken.checksums[name] == found.checksums[name]):
            continue
        difference = f"{count} keys instead of {expected}" if expected != count else f"other contents in {count} keys"
        raise Failure(
            "RestoreDiffers",
            f"redis: {of} has {difference} in {name}",
            "let nobody write meanwhile, and give the target as much memory (maxmemory) as the source; then restore again",
        )


def _unwritable(error: OSError) -> Failure:
    return Failure(
        "RestoreFailed", f"redis: the volume cannot be written: {error.strerror}", "make room on it, then restore again"
    )


PART = Redis()

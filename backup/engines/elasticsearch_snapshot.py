"""A snapshot in a repository of its own: always in the same directory, emptied through the server before and after.

What stays of one in the directory are two files of some hundred bytes, and one empty directory.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from elastic_transport import ApiError
from elasticsearch import Elasticsearch, NotFoundError

from backup.engines.elasticsearch_server import Server, explained
from init.engines.elasticsearch_indices import describe

REPOSITORY, SNAPSHOT = "karen-backup", "set"
RESTORED = "karen-restore"
LOCATION = "sets/current"
_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 1.0
_MEGABYTE = 1_000_000
_LEAST_FREE_BYTES = 16 * _MEGABYTE

Progress = Callable[[str], None]


@contextmanager
def told() -> Iterator[None]:
    """Turn what the server refuses of a repository into SnapshotFailed; an index that is not there is the caller's matter."""
    try:
        yield
    except NotFoundError:
        raise
    except ApiError as error:
        raise explained(describe(error), "SnapshotFailed") from None


def register(server: Server, name: str, location: str, *, read_only: bool = False) -> None:
    """Make a directory of the staging volume known to the server as a repository."""
    settings = {"location": f"{server.repository}/{location}", "readonly": read_only}
    server.client.snapshot.create_repository(name=name, repository={"type": "fs", "settings": settings})


def unregister(server: Server, name: str) -> None:
    """Let the server forget a repository; its files stay."""
    server.client.options(ignore_status=404).snapshot.delete_repository(name=name)


def prepare(server: Server) -> None:
    """Register the repository, empty: what a killed job has left in it is deleted, and what it still writes is ended."""
    if server.client.options(ignore_status=404).snapshot.get_repository(name=REPOSITORY).meta.status != 404:
        empty(server.client)
    register(server, REPOSITORY, LOCATION)
    empty(server.client)
    server.client.snapshot.cleanup_repository(name=REPOSITORY)


def empty(client: Elasticsearch) -> None:
    """Delete every snapshot in the repository, which gives the disk back."""
    for one in client.snapshot.get(repository=REPOSITORY, snapshot="*", verbose=False)["snapshots"]:
        client.options(ignore_status=404).snapshot.delete(repository=REPOSITORY, snapshot=one["snapshot"])


def take(server: Server, names: Sequence[str], progress: Progress) -> Mapping[str, Any]:
    """Take the snapshot and wait for its end; return what the server tells of it. Failure unless it is whole."""
    server.client.snapshot.create(
        repository=REPOSITORY,
        snapshot=SNAPSHOT,
        indices=list(names) or "-*",
        feature_states=["none"],
        include_global_state=False,
        partial=False,
        wait_for_completion=False,
    )
    pause, told = _PAUSE_SECONDS, time.monotonic()
    while True:
        found = _found(server)
        if found["state"] != "IN_PROGRESS":
            break
        if time.monotonic() - told >= _LONGEST_PAUSE_SECONDS:
            told = time.monotonic()
            progress(_written(server.client))
        time.sleep(pause)
        pause = min(1.5 * pause, _LONGEST_PAUSE_SECONDS)
    if found["state"] != "SUCCESS" or found["failures"] or found["shards"]["failed"]:
        reasons = [str(one.get("reason")) for one in found["failures"]] or [str(found.get("reason", "no reason given"))]
        raise explained(f"the snapshot is {found['state']}: {reasons[0][:500]}", "SnapshotFailed")
    return found


def _found(server: Server) -> Mapping[str, Any]:
    """Return what the server tells of the snapshot. One that it could not write to its end is gone without a word."""
    try:
        found: Mapping[str, Any] = server.client.snapshot.get(repository=REPOSITORY, snapshot=SNAPSHOT)["snapshots"][0]
    except NotFoundError:
        free = shutil.disk_usage(server.staging).free
        reason = "No space left on the staging volume" if free < _LEAST_FREE_BYTES else "see the server's log"
        raise explained(f"the snapshot could not be written to its end: {reason}", "SnapshotFailed") from None
    return found


def _written(client: Elasticsearch) -> str:
    stats = client.snapshot.status(repository=REPOSITORY, snapshot=SNAPSHOT)["snapshots"][0]["stats"]
    written, total = (stats.get(key, {}).get("size_in_bytes", 0) / _MEGABYTE for key in ("processed", "incremental"))
    return f"elasticsearch: snapshot, {written:.0f} of {total:.0f} MB"

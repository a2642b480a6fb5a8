"""Elasticsearch's part of a set: one snapshot of everything but the server's own indices, with templates and pipelines.

`.security` is never in it, so users and passwords stay the target's. Closed indices are in it, and are closed again; their counts
are in `details`. Enrich policies, transforms and watches are not. A restore leaves templates and pipelines that the set has not.

A restore unpacks the repository into the staging volume, and tries every index of it, one after the other, under a hidden name.
Then everything that is there is deleted and the snapshot restored, closed to writes until it was compared.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from elastic_transport import ApiError, TransportError

from backup.engines import elasticsearch_extras as extras
from backup.engines import elasticsearch_files as files
from backup.engines import elasticsearch_journal as journals
from backup.engines import elasticsearch_putting as putting
from backup.engines import elasticsearch_snapshot as snapshot
from backup.engines import elasticsearch_taking as taking
from backup.engines.base import Part, Sink, Source, Task
from backup.engines.elasticsearch_journal import Journal
from backup.engines.elasticsearch_server import CHECKING, SERVICE, opened
from backup.model import Taken
from init.protocol import Failure

_REPOSITORY, _EXTRAS = "repository.tar", "extras.json"


class Elasticsearch(Part):
    """Indices through snapshots in a staging volume; `connection` has `staging` and `repository` in addition."""

    def back_up(self, connection: Mapping[str, Any], sink: Sink, task: Task) -> Taken:
        """Write the repository and what is beside it; Failure RestoreUnfinished while a restore is half done."""
        with opened(connection) as server:
            journal = journals.read(server.staging)
            if journal and journal.touched:
                raise journals.unfinished(journal)
            try:
                held = taking.hold(server, task.progress)
                with sink.file(_EXTRAS) as stream:
                    stream.write(json.dumps(extras.export(server.client), sort_keys=True).encode())
                with sink.file(_REPOSITORY) as stream:
                    files.pack(server.staging / snapshot.LOCATION, stream, task.progress)
            finally:
                # What cannot be given back now is given back by the next backup.
                with suppress(ApiError, TransportError):
                    server.sweep(CHECKING)
                    snapshot.empty(server.client)
                    snapshot.unregister(server, snapshot.REPOSITORY)
            return Taken(
                tool="elasticsearch snapshot",
                server_version=server.version,
                schema_version=server.schema,
                counts=held.counts,
                checksums=held.checksums,
                began=held.began,
                ended=held.ended,
                details=held.details,
            )

    def load(self, connection: Mapping[str, Any], source: Source, taken: Taken, task: Task) -> None:
        """Unpack the repository and try every index in it, from the start; Failure Mismatch if it is not what was taken."""
        with opened(connection) as server:
            before = journals.read(server.staging)
            journal = Journal(task.set_id, touched=bool(before and before.touched))
            journals.write(server.staging, journal)
            putting.clear(server)
            journals.sweep(server.staging)
            directory = _unpacked(server.staging, task)
            directory.mkdir(mode=0o755)
            directory.chmod(0o755)
            with source.file(_EXTRAS) as stream:
                (directory / _EXTRAS).write_bytes(stream.read())
            with source.file(_REPOSITORY) as stream:
                files.unpack(stream, directory / "repository", task.progress)
            putting.register(server, task.set_id)
            putting.compare_snapshot(server, taken, task.progress)
            journal.state = journals.LOADED
            journals.write(server.staging, journal)

    def exchange(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Delete what is there and restore; from its start if it was cut off. Failure NotLoaded without a load of this set."""
        with opened(connection) as server:
            journal = journals.read(server.staging)
            if journal is None or journal.set_id != task.set_id or journal.state == journals.LOADING:
                raise Failure("NotLoaded", f"{SERVICE}: set {task.set_id} is not loaded", "restore the set again")
            if journal.state == journals.EXCHANGED:
                return
            journal.state, journal.touched = journals.EXCHANGING, True
            journals.write(server.staging, journal)
            putting.register(server, task.set_id)
            beside = json.loads((_unpacked(server.staging, task) / _EXTRAS).read_bytes())
            putting.exchange(server, taken, beside, task.progress)
            journal.state = journals.EXCHANGED
            journals.write(server.staging, journal)

    def finish(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Compare what is there with what was taken, let writes in again, and remove what the restore has left."""
        with opened(connection) as server:
            journal = journals.read(server.staging)
            if journal is None:
                return
            if journal.state != journals.EXCHANGED:
                raise journals.unfinished(journal)
            if journal.touched:
                putting.compare(server, taken, task.progress)
                putting.release(server, taken)
                journal.touched = False
                journals.write(server.staging, journal)
            putting.clear(server)
            journals.sweep(server.staging)
            journals.remove(server.staging)

    def discard(self, connection: Mapping[str, Any], task: Task) -> None:
        """Remove what a load has left; Failure RestoreUnfinished if it is needed to complete the data."""
        with opened(connection) as server:
            journal = journals.read(server.staging)
            if journal and journal.touched:
                raise journals.unfinished(journal)
            putting.clear(server)
            journals.sweep(server.staging)
            journals.remove(server.staging)

    def summarize(self, connection: Mapping[str, Any]) -> tuple[Mapping[str, int], Mapping[str, str]]:
        """Count and sum every index that can be searched."""
        with opened(connection) as server:
            return taking.sums(server, lambda _: None)


def _unpacked(staging: Path, task: Task) -> Path:
    return staging / journals.DIRECTORY / task.set_id


PART = Elasticsearch()

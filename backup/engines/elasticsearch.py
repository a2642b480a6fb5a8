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
from backup.engines import elasticsearch_putting as putting
from backup.engines import elasticsearch_snapshot as snapshot
from backup.engines import elasticsearch_taking as taking
from backup.engines.base import Part, Sink, Source, Task, compared, no_way_back
from backup.engines.elasticsearch_journal import DIRECTORY, StagingJournal, sweep
from backup.engines.elasticsearch_server import CHECKING, SERVICE, opened
from backup.engines.journal import EXCHANGED, EXCHANGING, LOADED
from backup.model import Taken
from init.protocol import Failure

_REPOSITORY, _EXTRAS = "repository.tar", "extras.json"


class Elasticsearch(Part):
    """Indices through snapshots in a staging volume; `connection` has `staging` and `repository` in addition."""

    def back_up(self, connection: Mapping[str, Any], sink: Sink, task: Task) -> Taken:
        """Write the repository and what is beside it; Failure RestoreUnfinished while a restore is half done."""
        with opened(connection) as server:
            StagingJournal(server.staging).refuse_touched()
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
            journal = StagingJournal(server.staging)
            restore = journal.begin(task.set_id)
            putting.clear(server)
            sweep(server.staging)
            directory = _unpacked(server.staging, task)
            directory.mkdir(mode=0o755)
            directory.chmod(0o755)
            with source.file(_EXTRAS) as stream:
                (directory / _EXTRAS).write_bytes(stream.read())
            with source.file(_REPOSITORY) as stream:
                files.unpack(stream, directory / "repository", task.progress)
            putting.register(server, task.set_id)
            putting.compare_snapshot(server, taken, task.progress)
            restore.state = LOADED
            journal.write(restore)

    def exchange(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Delete what is there and restore; from its start if it was cut off. Failure NotLoaded without a load of this set."""
        with opened(connection) as server:
            journal = StagingJournal(server.staging)
            restore = journal.loaded(task.set_id)
            if restore.state == EXCHANGED:
                return
            restore.state, restore.touched = EXCHANGING, True
            journal.write(restore)
            putting.register(server, task.set_id)
            beside = json.loads((_unpacked(server.staging, task) / _EXTRAS).read_bytes())
            putting.exchange(server, taken, beside, task.progress)
            restore.state = EXCHANGED
            journal.write(restore)

    def give_up(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> bool:
        """Remove what was loaded; once indices were begun to be deleted, it is put in their place. What is there then takes writes."""
        with opened(connection) as server:
            restore = StagingJournal(server.staging).read()
        if not (restore and restore.touched):
            self.discard(connection, task)
            return True
        try:
            self.exchange(connection, taken, task)
        except Failure as failure:
            with opened(connection) as server:
                putting.release(server, taken)
            raise no_way_back(SERVICE, task, failure) from None
        return False

    def finish(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Compare what is there with what was taken, let writes in again, and remove what the restore has left."""
        with opened(connection) as server:
            journal = StagingJournal(server.staging)
            restore = journal.exchanged()
            if restore is None:
                return
            if restore.touched:
                compared(connection, lambda: putting.compare(server, taken, task.progress), task)
                putting.release(server, taken)
                restore.touched = False
                journal.write(restore)
            putting.clear(server)
            sweep(server.staging)
            journal.remove()

    def discard(self, connection: Mapping[str, Any], task: Task) -> None:
        """Remove what a load has left; Failure RestoreUnfinished if it is needed to complete the data."""
        with opened(connection) as server:
            journal = StagingJournal(server.staging)
            journal.refuse_touched()
            putting.clear(server)
            sweep(server.staging)
            journal.remove()

    def summarize(self, connection: Mapping[str, Any]) -> tuple[Mapping[str, int], Mapping[str, str]]:
        """Count and sum every index that can be searched."""
        with opened(connection) as server:
            return taking.sums(server, lambda _: None)


def _unpacked(staging: Path, task: Task) -> Path:
    return staging / DIRECTORY / task.set_id


PART = Elasticsearch()

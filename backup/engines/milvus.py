"""Milvus' part of a set: every collection of every database, logically. Users and roles are the target's.

The sets' collections are made anew under other names, filled, read back and compared; then they take the names and the
aliases. Rows are as exact as the server keeps them; of a key that was inserted twice, there is one row afterwards.
"""

import json
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from backup.engines import milvus_exchange, milvus_restore
from backup.engines.base import Sink, Source, Task, no_way_back
from backup.engines.milvus_export import ROWS, documents, export
from backup.engines.milvus_names import EXCHANGING, LOADED, temporary
from backup.engines.milvus_server import Server, opened
from backup.engines.milvus_shapes import Shape
from backup.model import Taken
from init.engines.base import log
from init.engines.milvus_collections import SERVICE
from init.engines.milvus_ledger import Ledger
from init.protocol import Failure

COLLECTIONS = "collections.json"
FORMAT = 1
_BACKUP, _RESTORE = "BackupFailed", "RestoreFailed"
_TOOL = "logical export"


class Milvus:
    """Milvus, as backups take it and bring it back."""

    def back_up(self, connection: Mapping[str, Any], sink: Sink, task: Task) -> Taken:
        """Write `collections.json` and a file of rows for each collection; what is not in memory is loaded for a while.

        Failure RestoreUnfinished while a restore is half done.
        """
        began = time.time()
        with opened(connection, _BACKUP) as server:
            milvus_restore.refuse_exchanging(server)
            databases = server.databases()
            schema = _newest_migration(server)
            exported = export(server, task.progress, sink.file)
            ended = time.time()
            document = {"format": FORMAT, "collections": documents(exported.shapes)}
            with sink.file(COLLECTIONS) as stream:
                stream.write(json.dumps(document, ensure_ascii=False).encode())
            return Taken(
                tool=_TOOL,
                server_version=server.version(),
                schema_version=schema,
                counts=exported.counts,
                checksums=exported.checksums,
                began=began,
                ended=ended,
                details={
                    "databases": databases,
                    "collections": [_place(shape) for shape in exported.shapes],
                    "dropped": exported.dropped,
                    "generated_keys": [shape.public for shape in exported.shapes if shape.generated],
                },
            )

    def load(self, connection: Mapping[str, Any], source: Source, taken: Taken, task: Task) -> None:
        """Make every collection of the set under another name, and compare each with the set; Failure if one differs."""
        with opened(connection, _RESTORE) as server:
            if milvus_restore.stage(server, task.set_id):
                task.progress("the set is loaded already")
                return
            shapes = _shapes(source)
            for database in sorted({shape.database for shape in shapes} - set(server.databases())):
                server.do("CreateDatabase", db_name=database)
            names = [temporary(task.set_id, number) for number in range(len(shapes))]
            for name, shape in zip(names, shapes, strict=True):
                milvus_restore.prepare(server, name, shape, filled=taken.counts.get(shape.public, 0) > 0)
            for number, (name, shape) in enumerate(zip(names, shapes, strict=True)):
                if not shape.is_ledger:
                    with source.file(ROWS.format(shape.public)) as stream:
                        sums = milvus_restore.fill(server, name, shape, stream, task.progress)
                    milvus_restore.compare(shape, sums, taken.counts[shape.public], taken.checksums[shape.public])
                if shape.generated:
                    log(SERVICE, f"{shape.public} keeps its keys and cannot generate new ones: give them with new rows")
                task.progress(f"{number + 1} of {len(shapes)} collections loaded and compared")
            filled = [
                one.restored(name) for name, one in zip(names, shapes, strict=True) if taken.counts.get(one.public)
            ]
            milvus_restore.store(server, filled, task.progress)
            milvus_restore.mark_loaded(server, task.set_id)

    def exchange(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Give what was loaded its names and aliases, and remove what the set does not have."""
        with opened(connection, _RESTORE) as server:
            if not milvus_restore.stage(server, task.set_id):
                _see_that_it_is_there(server, taken, task)
                return
            databases, places = taken.details["databases"], taken.details["collections"]
            milvus_exchange.exchange(server, task.set_id, places, databases, task.progress)

    def give_up(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> bool:
        """Drop what was loaded; once collections were begun to be dropped for it, it is put in their place."""
        with opened(connection, _RESTORE) as server:
            exchanging = milvus_restore.stage(server, task.set_id) == EXCHANGING
        if not exchanging:
            self.discard(connection, task)
            return True
        try:
            self.exchange(connection, taken, task)
        except Failure as failure:
            raise no_way_back(SERVICE, task, failure) from None
        return False

    def finish(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Have in memory what was, count it, and drop what restores have left."""
        with opened(connection, _RESTORE) as server:
            if milvus_restore.stage(server, task.set_id) == LOADED:
                raise _not_exchanged(task.set_id)
            places = taken.details["collections"]
            milvus_exchange.finish(server, task.set_id, places, taken.counts, task.progress)

    def discard(self, connection: Mapping[str, Any], task: Task) -> None:
        """Drop what loads have left; what an exchange that was cut off needs stays."""
        with opened(connection, _RESTORE) as server:
            milvus_restore.discard(server, task.set_id)

    def summarize(self, connection: Mapping[str, Any]) -> tuple[Mapping[str, int], Mapping[str, str]]:
        """Count and sum every collection, without the ledger and what a restore has beside it."""
        with opened(connection, _BACKUP) as server:
            return _sums(server, lambda _: None)


def _newest_migration(server: Server) -> str:
    """Return the number of the newest migration, "" if there is none."""
    entries = Ledger(server.client).read()
    return entries[-1].version if entries else ""


def _sums(server: Server, tell: Any) -> tuple[Mapping[str, int], Mapping[str, str]]:
    exported = export(server, tell, lambda _: nullcontext())
    return exported.counts, exported.checksums


def _place(shape: Shape) -> dict[str, Any]:
    """Return what an exchange needs to know of a collection."""
    document = shape.document()
    return {key: document[key] for key in ("database", "name", "aliases", "loaded")}


def _shapes(source: Source) -> list[Shape]:
    with source.file(COLLECTIONS) as stream:
        document = json.loads(stream.read())
    if document.get("format") != FORMAT:
        message = f"{SERVICE}: {COLLECTIONS} is of format {document.get('format')!r}; allowed: {FORMAT}"
        raise Failure("Newer", message, "update this checkout to the version that made the set")
    return [Shape.parse(one) for one in document["collections"]]


def _see_that_it_is_there(server: Server, taken: Taken, task: Task) -> None:
    """Refuse an exchange of what was not loaded, unless it is in its place already."""
    if _sums(server, task.progress) != (taken.counts, taken.checksums):
        message = f"{SERVICE}: nothing of set {task.set_id} is loaded, and what is there is something else"
        raise Failure("RestoreFailed", message, "load the set first: restore again")


def _not_exchanged(set_id: str) -> Failure:
    return Failure("RestoreFailed", f"{SERVICE}: set {set_id} is loaded, but not in its place", "exchange it first")


PART = Milvus()

"""MinIO's part of a set: all buckets but Milvus' own, with settings, and every version of every object in order.

The ledger's bucket is among them, as schema history comes back with the data that it is about. A set holds what the listings
of all buckets hold at one moment; a version that is removed before it is read is left out and counted in `details`, and an
object that has no versions and is replaced meanwhile is taken as it is when it is read, which is what `ended` says then.

A restore has everything twice for a while: buckets cannot be renamed, so they are loaded into others and copied by the server.
"""

import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from backup.engines import minio_archive as archive
from backup.engines import minio_restore as restoring
from backup.engines.base import Part, Sink, Source, Task, compared, no_way_back
from backup.engines.journal import AGAIN, EXCHANGED, EXCHANGING, LOADED
from backup.engines.minio_journal import BucketJournal, Staged
from backup.engines.minio_store import SERVICE, Store, opened
from backup.model import Taken
from init.engines import minio_buckets
from init.engines.base import first_line
from init.protocol import Failure

_MEGABYTE = 1_000_000
_REPORT_SECONDS = 1.0


class Minio(Part):
    """Buckets through MinIO's official client."""

    def back_up(self, connection: Mapping[str, Any], sink: Sink, task: Task) -> Taken:
        """Write a file for each bucket; Failure RestoreUnfinished while a restore is half done."""
        with opened(connection) as store:
            BucketJournal(store.client).refuse_touched()
            began = time.time()
            found = [
                archive.listed(store, bucket, task.staging / f"listing-{number:04d}")
                for number, bucket in enumerate(store.buckets())
            ]
            ended = time.time()
            listings = [listing for listing in found if listing]
            report = _Progress(task.progress, sum(listing.bytes for listing in listings))
            written = []
            for listing in listings:
                with sink.file(f"buckets/{listing.bucket}.tar") as stream:
                    written.append(archive.write(store, listing, stream, report))
            return Taken(
                tool="minio",
                server_version=store.version,
                schema_version=store.schema,
                counts={name: count for one in written for name, count in one.totals.counts().items()},
                checksums={name: value for one in written for name, value in one.totals.checksum().items()},
                began=began,
                ended=max([ended, *(one.ended for one in written)]),
                details={
                    "left_out": {one.totals.bucket: one.left_out for one in written if one.left_out},
                    "first_left_out": {one.totals.bucket: one.first_left_out for one in written if one.left_out},
                },
            )

    def load(self, connection: Mapping[str, Any], source: Source, taken: Taken, task: Task) -> None:
        """Bring every bucket into one beside the data, from the start; Failure Mismatch if it is not what was taken."""
        with opened(connection) as store:
            journal = BucketJournal(store.client)
            restore = journal.begin(task.set_id)
            restoring.sweep(store.client)
            report = _Progress(task.progress)
            counts: dict[str, int] = {}
            checksums: dict[str, str] = {}
            buckets = []
            for number, name in enumerate(source.names):
                with source.file(name) as stream, _whole(name):
                    staged, totals = restoring.load(store, stream, number, report)
                buckets.append(asdict(staged))
                counts |= totals.counts()
                checksums |= totals.checksum()
            _compare("the set", counts, checksums, taken)
            restore.state, restore.details = LOADED, {"buckets": buckets, "done": []}
            journal.write(restore)

    def exchange(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Replace bucket by bucket and remove those that the set has not; Failure NotLoaded without a load of this set."""
        with opened(connection) as store:
            journal = BucketJournal(store.client)
            restore = journal.loaded(task.set_id)
            if restore.state == EXCHANGED:
                return
            if restore.state == LOADED:
                _refuse_locked(store)
                restore.state, restore.touched = EXCHANGING, True
                journal.write(restore)
            buckets = [Staged(**one) for one in restore.details["buckets"]]
            for name in set(store.buckets()) - {staged.bucket for staged in buckets}:
                minio_buckets.remove(store.client, name, bypass_governance=True)
            report = _Progress(task.progress)
            for staged in buckets:
                if staged.bucket not in restore.details["done"]:
                    restoring.exchange(store, staged, report)
                    restore.details["done"].append(staged.bucket)
                    journal.write(restore)
            restore.state = EXCHANGED
            journal.write(restore)

    def give_up(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> bool:
        """Remove the buckets beside the data; once buckets were begun to be removed, what was loaded is put in their place."""
        with opened(connection) as store:
            restore = BucketJournal(store.client).read()
        if not (restore and restore.touched):
            self.discard(connection, task)
            return True
        try:
            self.exchange(connection, taken, task)
        except Failure as failure:
            raise no_way_back(SERVICE, task, failure) from None
        return False

    def finish(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Compare what is there now with what was taken, and remove what the restore has made beside it."""
        with opened(connection) as store:
            journal = BucketJournal(store.client)
            restore = journal.exchanged()
            if restore is None:
                return
            sums = _sums(store, _Progress(task.progress))
            compared(connection, lambda: _compare("the restored data", *sums, taken), task)
            restore.touched = False
            journal.write(restore)
            restoring.sweep(store.client)
            journal.remove()

    def discard(self, connection: Mapping[str, Any], task: Task) -> None:
        """Remove the buckets beside the data; Failure RestoreUnfinished if they are needed to complete the data."""
        with opened(connection) as store:
            journal = BucketJournal(store.client)
            journal.refuse_touched()
            restoring.sweep(store.client)
            journal.remove()

    def summarize(self, connection: Mapping[str, Any]) -> tuple[Mapping[str, int], Mapping[str, str]]:
        """Read every bucket that belongs to a set, and sum it."""
        with opened(connection) as store:
            return _sums(store, _Progress(lambda _: None))


class _Progress:
    """Counts bytes, and says now and then how many."""

    def __init__(self, tell: Callable[[str], None], total: int | None = None) -> None:
        self._tell, self._total = tell, total
        self._bytes = 0
        self._told = time.monotonic()

    def __call__(self, size: int) -> None:
        self._bytes += size
        if time.monotonic() - self._told >= _REPORT_SECONDS:
            self._told = time.monotonic()
            of = f" of {self._total / _MEGABYTE:.0f}" if self._total is not None else ""
            self._tell(f"{SERVICE}: {self._bytes / _MEGABYTE:.0f}{of} MB")


@contextmanager
def _whole(name: str) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, StopIteration, KeyError, ValueError) as error:
        raise Failure(
            "Damaged", f"{SERVICE}: {name} is not whole: {first_line(error)}", "restore another set"
        ) from None


def _sums(store: Store, report: _Progress) -> tuple[dict[str, int], dict[str, str]]:
    counts: dict[str, int] = {}
    checksums: dict[str, str] = {}
    for bucket in store.buckets():
        totals = restoring.sums(store, bucket, report)
        counts |= totals.counts()
        checksums |= totals.checksum()
    return counts, checksums


def _refuse_locked(store: Store) -> None:
    for bucket in store.buckets():
        if key := restoring.locked(store, bucket):
            message = f"{SERVICE}: {bucket}/{key} is locked and cannot be removed, so the bucket cannot be replaced"
            raise Failure("ObjectLocked", message, "restore into another stack, or wait until its retention is over")


def _compare(what: str, counts: Mapping[str, int], checksums: Mapping[str, str], taken: Taken) -> None:
    """Raise Mismatch with the first name that differs."""
    for found, expected in ((counts, taken.counts), (checksums, taken.checksums)):
        for name in sorted({*found, *expected}):
            if found.get(name) != expected.get(name):
                told = f"{name} is {found.get(name, 'missing')}, was {expected.get(name, 'missing')} when it was taken"
                raise Failure("Mismatch", f"{SERVICE}: {what} is not what the manifest says: {told}", AGAIN)


PART = Minio()

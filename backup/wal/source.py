"""A set's part and the log that was archived after it, as one source for a restore to a moment."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import IO

from backup.engines.base import Source
from backup.model import Taken
from backup.parts import fetch
from backup.wal import segments
from backup.wal.archive import Archive, began
from backup.wal.sidecar import Sidecar, damaged
from init.protocol import Failure

_WAL = "wal/"


class ArchivedSource:
    """A `Source` whose `wal/` goes on to the moment. Everything but the segments' contents is checked when it is made."""

    def __init__(self, source: Source, archive: Archive, identity: str, *, taken: Taken, until: float) -> None:
        """`until` is in Unix seconds. Failure as of `chain`."""
        self._source = source
        self._archive = archive
        self._identity = identity
        self._segments = {f"{_WAL}{one.segment}": one for one in chain(archive, taken, until)}

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of both, sorted."""
        return tuple(sorted({*self._source.names, *self._segments}))

    def file(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Return a stream to read a file; Failure `Damaged` names one that is not as it was stored."""
        if name not in self._segments:
            return self._source.file(name)
        one = self._segments[name]
        return fetch(self._archive.target, self._archive.place(one.chain), self._archive.stored(one), self._identity)


def chain(archive: Archive, taken: Taken, until: float) -> Sequence[Sidecar]:
    """Return the segments after a set's own, up to what was committed at `until` (Unix seconds), in order.

    Failure `Damaged` names the one that is missing, was changed or is another's; `NotArchived` says up to when there is a log;
    `BadRequest` if the set is later than `until`.
    """
    if until < taken.ended:
        raise Failure("BadRequest", "postgres: the moment is before the end of the set", "choose an older set")
    name, last = _chain_of(archive, taken), taken.details["segment"]
    present = archive.names(name)
    kept = {item.path: item.size for item in archive.target.items(f"{archive.place(name)}/")}
    found: list[Sidecar] = []
    previous = archive.sidecar(name, last)[1] if last in present else None
    complete = taken.ended
    for segment in [one for one in present if one > last]:
        sidecar, hashed = archive.sidecar(name, segment)
        path = f"{archive.place(name)}/{segment}"
        expected = segments.following(found[-1].segment if found else last, sidecar.plain)
        if segment != expected:
            raise damaged(f"{archive.place(name)}/{expected}", "it is missing")
        if previous is not None and sidecar.previous != previous:
            raise damaged(path, "it does not follow the one before: one of both was exchanged")
        if kept.get(f"{path}.zst.age") != sidecar.stored:
            raise damaged(f"{path}.zst.age", "it is missing, or not whole")
        found.append(sidecar)
        previous, complete = hashed, sidecar.complete_to
        if complete >= until:
            return found
    return _to_the_end(archive, name, found, last, max(complete, taken.ended), until)


def _to_the_end(
    archive: Archive, name: str, found: list[Sidecar], last: str, complete: float, until: float
) -> Sequence[Sidecar]:
    head = archive.head(name)
    if head is not None:
        newest = found[-1].segment if found else last
        if head.segment > newest:
            raise damaged(f"{archive.place(name)}/{head.segment}", "it is missing")
        complete = max(complete, head.complete_to)
    if complete < until:
        raise Failure(
            "NotArchived",
            f"postgres: the log is archived up to {complete - until:+.0f} s of that moment",
            "where backups are made by themselves, wait a minute and run the command again; or choose an earlier moment",
        )
    return found


def _chain_of(archive: Archive, taken: Taken) -> str:
    """Return the chain that was going on when the set was taken."""
    details = taken.details
    chains = [name for name in archive.chains(details["system"], details["timeline"]) if began(name) <= taken.ended]
    if not chains:
        raise Failure("NotArchived", "postgres: no log was archived when the set was taken", "choose a later set")
    return chains[-1]

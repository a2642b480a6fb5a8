"""Taking a set's part from Elasticsearch: one snapshot, and counts and sums of exactly what it holds, whoever writes meanwhile.

An index that nobody has written to since before the snapshot is summed where it is; of every other one, and of one that cannot
be searched, the snapshot's own is restored for a while under a hidden name, and summed there.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import NotFoundError

from backup.engines import elasticsearch_pages as pages
from backup.engines import elasticsearch_snapshot as snapshot
from backup.engines import elasticsearch_trial as trial
from backup.engines.base import digest
from backup.engines.elasticsearch_server import CHECKING, SERVICE, Contents, Position, Server
from backup.engines.elasticsearch_snapshot import Progress
from init.engines.base import log

_REPORT_SECONDS = 1.0
_ATTEMPTS = 5


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a snapshot holds: sums by index, and what is in them that a running server cannot be asked for."""

    sums: Mapping[str, pages.Sum]
    contents: Contents
    streams: tuple[str, ...]
    aliases: Mapping[str, Any]
    began: float
    ended: float

    @property
    def counts(self) -> dict[str, int]:
        """Return the documents of every index that can be searched."""
        return {name: one.documents for name, one in self.sums.items() if name not in self.contents.unreadable}

    @property
    def checksums(self) -> dict[str, str]:
        """Return the sums of every index that can be searched."""
        return {name: digest(one.total) for name, one in self.sums.items() if name not in self.contents.unreadable}

    @property
    def details(self) -> dict[str, Any]:
        """Return what a restore needs beside the snapshot."""
        return {
            "indices": sorted(self.sums),
            # What a restore asks for: streams, and the indices that are part of none.
            "named": [name for name in self.contents.named if name in self.streams or name in self.sums],
            "aliases": self.aliases,
            "blocks": self.contents.blocks,
            "closed": sorted(self.contents.closed),
            "unreadable": {
                name: {"documents": self.sums[name].documents, "checksum": digest(self.sums[name].total)}
                for name in sorted(self.contents.unreadable & self.sums.keys())
            },
        }


class Counting:
    """Counts documents, and says now and then how many."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._documents, self._told = progress, 0, time.monotonic()

    def __call__(self, documents: int) -> None:
        self._documents += documents
        if time.monotonic() - self._told >= _REPORT_SECONDS:
            self._told = time.monotonic()
            self._progress(f"{SERVICE}: {self._documents} documents compared")


def hold(server: Server, progress: Progress) -> Held:
    """Take the snapshot, which stays in the repository, and sum it; Failure if it is not whole."""
    server.sweep(CHECKING)
    with snapshot.told():
        snapshot.prepare(server)
    began = time.time()
    contents, before, aliases, found = _snapshot(server, progress)
    ended = time.time()
    report = Counting(progress)
    sums = {
        name: _sum(server, name, number, before.get(name), name in contents.unreadable, report)
        for number, name in enumerate(sorted(found["indices"]))
    }
    return Held(
        sums=sums,
        contents=contents,
        streams=tuple(found["data_streams"]),
        aliases={name: one for name, one in aliases.items() if name in sums},
        began=began,
        ended=ended,
    )


def _snapshot(
    server: Server, progress: Progress
) -> tuple[Contents, Mapping[str, Position], Mapping[str, Any], Mapping[str, Any]]:
    """Take the snapshot of what is there; listed anew if an index is deleted before it begins."""
    for attempt in range(_ATTEMPTS):
        contents = server.contents()
        server.check_healthy(contents)
        before, aliases = server.positions(), server.aliases()
        try:
            with snapshot.told():
                return contents, before, aliases, snapshot.take(server, contents.named, progress)
        except NotFoundError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError


def _sum(server: Server, name: str, number: int, before: Position, unreadable: bool, report: Counting) -> pages.Sum:
    if before is not None and not unreadable and server.positions().get(name) == before:
        found = pages.summed(server, name, report, opened=lambda: server.positions().get(name) == before)
        if found:
            return found
    reason = "cannot be searched" if unreadable else "was written to while it was taken"
    log(SERVICE, f"{name} {reason}: the snapshot's own is summed")
    return trial.summed(server, snapshot.REPOSITORY, name, f"{CHECKING}{number:04d}", report)


def sums(server: Server, progress: Progress) -> tuple[dict[str, int], dict[str, str]]:
    """Count and sum what is in the server now; what cannot be searched is left out."""
    contents, report = server.contents(), Counting(progress)
    found = {name: pages.summed(server, name, report) for name in contents.indices if name not in contents.unreadable}
    whole = {name: one for name, one in found.items() if one}
    return {name: one.documents for name, one in whole.items()}, {
        name: digest(one.total) for name, one in whole.items()
    }

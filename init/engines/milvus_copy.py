"""One collection copied into another, and what arrived compared. Milvus counts a key that was inserted twice as two rows
and serves any of them, so that rows are compared by their keys, and not counted.
"""

import time
from collections.abc import Mapping

from pymilvus import MilvusClient
from pymilvus.client.types import LoadState

from init.definitions import Collection
from init.engines.base import Work, log
from init.engines.milvus_collections import SERVICE, Facts, create, load
from init.engines.milvus_rows import LATER, STRONG, Content, Key, Row, Rows

_DEFAULT_SECONDS = 600.0
_LOOK_SECONDS = 0.05
_PAUSE_SECONDS = 1.0


class Refused(Exception):
    """A copy that cannot be made, with the reason."""


class Copy:
    """The new collection of a definition, filled from the one that it replaces."""

    def __init__(
        self, client: MilvusClient, definition: Collection, old: Facts, work: Work, seconds: float | None
    ) -> None:
        self._client, self._definition, self._work = client, definition, work
        self._seconds = seconds or _DEFAULT_SECONDS
        self._deadline = time.monotonic() + self._seconds
        self._asked = 0.0
        fields = definition.fields
        there, wanted = {field["name"] for field in old.fields}, {field["name"] for field in fields}
        self._old = Rows(client, old.name, fields, has=there, left=self._left)
        self._new = Rows(client, definition.name, fields, has=wanted, left=self._left)
        # A number for each row that was compared: by it, what is written to the old collection later is found.
        self._compared: set[int] | None = None

    def fill(self, made: str) -> None:
        """Make the new collection and give it the old one's rows; Refused if they do not arrive as they were."""
        new, old = self._definition.name, self._definition.replaces
        self._begin(f"create {new}")
        create(self._client, self._definition, made)
        load(self._client, self._definition)
        self._wait_loaded(old)
        about, copied = self._old.count(), 0
        self._begin(f"copy {old} to {new}")
        for page in self._old.pages():
            self._new.insert(page)
            copied += len(page)
            self._in_time(f"copied {copied} of about {about} rows")
        # What was copied is in Milvus' log and in memory; nobody needs to wait until it is in storage and indexed.
        self._client.flush(new, _async=True)
        self._wait_loaded(new)
        self._compare(copied)

    def catch_up(self) -> None:
        """Bring over what was written to the old collection since it was compared. The alias points to the new one.

        What is in the new collection and was not when they were compared is newer, and stays. After a cut it is not known
        what was compared: then only rows are brought whose keys are missing.
        """
        self._deadline, compared = float("inf"), self._compared
        self._begin(f"look for late writes to {self._definition.replaces}")
        self._wait_loaded(self._definition.replaces)
        brought, read = 0, 0
        for page in self._old.pages():
            marks = [self._mark(row) for row in page]
            late = [row for row, mark in zip(page, marks, strict=True) if compared is None or mark not in compared]
            if compared is not None:
                compared.difference_update(marks)
            brought += self._bring(late)
            read += len(page)
            self._in_time(f"looked through {read} rows for late writes")
        brought += self._remove_late(compared) if compared else 0
        if brought:
            log(SERVICE, f"{brought} late writes brought over to {self._definition.name}")

    def _compare(self, total: int) -> None:
        """Compare every row, bit by bit; one that was written meanwhile is copied again."""
        self._begin(f"compare {total} rows")
        after: Key | None = None
        level, again, compared = STRONG, 0, set[int]()
        for page in self._old.pages():
            last = self._old.key(page[-1])
            again += self._match({self._old.key(row): row for row in page}, after, last, level)
            compared.update(self._mark(row) for row in page)
            after, level = last, LATER
            self._in_time(f"compared {len(compared)} of {total} rows")
        again += self._match({}, after, None, level)
        if again:
            log(SERVICE, f"{again} rows were written during the copy, and copied again")
        self._compared = compared

    def _match(self, wanted: Mapping[Key, Row], after: Key | None, last: Key | None, level: str) -> int:
        """Make a range of the new collection's rows what it must be; return how many were not."""
        expected = {key: self._old.content(row) for key, row in wanted.items()}
        found = self._contents(after, last, level)
        if found == expected:
            return 0
        different = [row for key, row in wanted.items() if found.get(key) != expected[key]]
        gone = [key for key in found if key not in expected]
        self._new.upsert(different)
        self._new.delete(gone)
        found = self._contents(after, last, STRONG)
        wrong = [key for key in {**expected, **found} if found.get(key) != expected.get(key)]
        if wrong:
            raise Refused(f"row {wrong[0]!r} of {self._definition.name} is not what it is in the old collection")
        return len(different) + len(gone)

    def _contents(self, after: Key | None, last: Key | None, level: str) -> dict[Key, Content]:
        pages = self._new.pages(after, last, level)
        return {self._new.key(row): self._new.content(row) for page in pages for row in page}

    def _bring(self, late: list[Row]) -> int:
        """Write late rows where the new collection has nothing newer; return how many."""
        compared = self._compared or set()
        there = {self._new.key(row): self._mark(row) for row in self._new.of([self._old.key(row) for row in late])}
        wanted = [row for row in late if there.get(self._old.key(row)) in (None, *compared & set(there.values()))]
        compared.difference_update(there.values())
        self._new.upsert(wanted)
        return len(wanted)

    def _remove_late(self, missing: set[int]) -> int:
        """Delete the rows that were compared and are not in the old collection any more; return how many."""
        removed = 0
        for page in self._new.pages():
            keys = [self._new.key(row) for row in page if self._mark(row) in missing]
            there = {self._old.key(row) for row in self._old.of(keys)}
            gone = [key for key in keys if key not in there]
            self._new.delete(gone)
            removed += len(gone)
        return removed

    def _mark(self, row: Row) -> int:
        """Return a number for a row: every row is remembered, and all of it would be too much."""
        return hash(self._old.content(row))

    def _wait_loaded(self, name: str) -> None:
        """Have a collection in memory; after a cut, an old one may be out of it."""
        self._client.load_collection(name, _async=True)
        while self._client.get_load_state(name)["state"] != LoadState.Loaded:
            time.sleep(_LOOK_SECONDS)
            self._in_time(f"loading {name}")

    def _begin(self, step: str) -> None:
        self._asked = time.monotonic()
        self._work.begin(step)

    def _in_time(self, progress: str) -> None:
        """Refuse when the time is up; once in a while ask for leave, and tell how far it is."""
        if time.monotonic() > self._deadline:
            raise Refused(f"not done after {self._seconds:g} s ({progress}); allowed: a longer timeout in the file")
        if time.monotonic() - self._asked >= _PAUSE_SECONDS:
            self._begin(progress)

    def _left(self) -> float:
        """Return the seconds until the time is up, with a little for the call that finds it so."""
        return max(1.0, self._deadline - time.monotonic())

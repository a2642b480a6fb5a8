"""Up to when all that was committed is archived: told by looking at the server's clock, its log and its transactions."""

from collections import deque
from dataclasses import dataclass

from backup.wal import segments
from init.engines.postgres_connection import Connection

# The time first: what is committed until then is in the log, and seen by the snapshot or not yet acknowledged.
_LOOK = """
    SELECT extract(epoch FROM statement_timestamp())::float8, pg_current_wal_insert_lsn()::text, pg_current_snapshot()::text"""
_MOST = 7200


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One look: when (Unix seconds of the server), how far the log was, and which transactions were over."""

    at: float
    position: int
    snapshot: str


class Coverage:
    """What is archived, as seen from the server's samples. `complete_to` is 0 as long as nothing is known."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=_MOST)
        self._end = 0
        self._snapshot = ""
        self._waiting_since: float | None = None
        self._asked: float | None = None
        self._position = 0
        self.complete_to = 0.0
        self.covered = False

    @property
    def behind(self) -> int:
        """Return the bytes of the log that are not archived; the little that a server without work writes does not count."""
        return 0 if self.covered else max(0, self._position - self._end)

    def sample(self, opened: Connection) -> float:
        """Look at the server; return its time."""
        row = opened.execute(_LOOK.encode()).fetchone()
        assert row is not None
        self.add(Sample(at=row[0], position=segments.position(row[1]), snapshot=row[2]))
        return float(row[0])

    def add(self, sample: Sample) -> None:
        """Take a look at the server."""
        self._position = sample.position
        self.covered = sample.position <= self._end or (bool(self._snapshot) and sample.snapshot == self._snapshot)
        if self.covered:
            self._cover(sample)
        else:
            self._samples.append(sample)
            if self._waiting_since is None:
                self._waiting_since = sample.at

    def archived(self, end: int) -> float:
        """Take it that everything before a position is archived; return up to when that is all there was."""
        self._end = max(self._end, end)
        while self._samples and self._samples[0].position <= self._end:
            self._cover(self._samples.popleft())
        self._waiting_since = self._samples[0].at if self._samples else None
        return self.complete_to

    def switched(self, now: float) -> None:
        """Take it that a segment was ended: what waits now is on its way."""
        self._asked = now

    def waiting(self, now: float) -> float:
        """Return for how many seconds the oldest commit waits for the end of its segment."""
        since = self._waiting_since
        if since is None:
            return 0.0
        return now - (since if self._asked is None else max(since, self._asked))

    def lag(self, now: float) -> float:
        """Return for how many seconds the oldest commit is not archived."""
        return 0.0 if self._waiting_since is None else max(0.0, now - self._waiting_since)

    def _cover(self, sample: Sample) -> None:
        self.complete_to = max(self.complete_to, sample.at)
        self._snapshot = sample.snapshot
        self._waiting_since = None

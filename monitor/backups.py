"""Backups as the monitor sees them: what the service that makes them has written on the operations volume."""

from collections.abc import Iterator
from pathlib import Path

from backup.configuration import OPERATIONS
from backup.service.status import Status, read
from monitor.alerts.model import Condition
from monitor.backup_rules import LAG, LAG_SECONDS, MISSED, SILENT, conditions

# PostgreSQL's log is followed anew after each hiccup of the network; and where a machine was off, a set is made soon.
_AGAIN_SECONDS = 60.0


class Backups:
    """One stack's. `status` is what was read last, None where no backups are made."""

    def __init__(self, operations: Path, stack: str, *, enabled: bool, began: float) -> None:
        """`began` is when the monitor did, in Unix seconds: the service may do so a little later."""
        self._directory = operations / OPERATIONS.name
        self._stack = stack
        self._enabled = enabled
        # Since when the service has no excuse to be silent, and since when the log is seen not followed.
        self._began = self._since = began
        self._broken: float | None = None
        self.status: Status | None = None

    @property
    def newest(self) -> str:
        """Return the id of the newest good set, empty if none is known."""
        return self.status.good.set if self.status is not None and self.status.good is not None else ""

    def look(self) -> None:
        """Read what is there."""
        self.status = read(self._directory) if self._enabled else None

    def conditions(self, now: float, *, resting: bool) -> Iterator[Condition]:
        """Yield what is wrong; `resting` says that the service is stopped on purpose, or that somebody works on it."""
        if self.status is None:
            return
        if resting:
            self._since = now
        archive = self.status.archive
        torn = not archive.following and not resting and now - self.status.at < _AGAIN_SECONDS
        self._broken = (self._broken or now) if torn else None
        late = archive.lag_seconds is not None and archive.lag_seconds > LAG_SECONDS
        settled = late or (self._broken is not None and now - self._broken >= _AGAIN_SECONDS)
        for one in conditions(self.status, now, self._stack, since=self._since):
            excused = {
                SILENT: resting,
                LAG: resting or not settled,
                MISSED: now - self._began < _AGAIN_SECONDS,
            }
            if not excused.get(one.key, False):
                yield one

"""The service's loop: sets at their times, one at a time, and one for all times that were missed; what it knows is written down."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import structlog

from backup.archive_state import ArchiveState
from backup.configuration import OPERATIONS
from backup.pruning import ARCHIVE
from backup.schedule import missed, next_run
from backup.service.maker import Maker
from backup.service.status import Outcome, Status, read, write
from init.protocol import Failure

SCHEDULED = "schedule"
_POSTGRES = "postgres"
# A set that is a minute late is late, and not missed.
_GRACE_SECONDS = 90.0
_ROUND_SECONDS = 2.0
# The archive asks for a set until it has one; it need not have one made each second.
_AGAIN_SECONDS = 600.0
# Sets are made by commands as well.
_LOOK_SECONDS = 300.0
_log = structlog.get_logger()


class Archiver(Protocol):
    """What keeps PostgreSQL's log between sets."""

    def state(self) -> ArchiveState:
        """Return how it stands."""

    def close(self) -> None:
        """End, and keep what is there."""


def due(schedule: str, planned: float, now: float) -> tuple[float, int] | None:
    """Return the time for which a set is to be made at `now`, and how many times were missed; None as long as none is due.

    `planned` is when the next set was to be made. Times are Unix seconds.
    """
    passed = missed(schedule, planned - 1, now) if planned <= now else ()
    if not passed:
        return None
    late = now - passed[-1] > _GRACE_SECONDS
    return passed[-1], len(passed) - 1 + late


@dataclass
class Scheduler:
    """Has sets made as a cron expression says; `status` is what it knows, from one life to the next.

    `newest` returns the newest good set on the target, whoever made it; Failure if that cannot be told.
    """

    schedule: str
    maker: Maker
    archiver: Archiver | None = None
    newest: Callable[[], Outcome | None] = lambda: None
    directory: Path = OPERATIONS
    clock: Callable[[], float] = time.time
    round_seconds: float = _ROUND_SECONDS
    status: Status = field(init=False)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._wanted: list[str] = []
        self._looked_at = float("-inf")
        self._asked_at, self._asked_for = float("-inf"), 0.0
        known = read(self.directory)
        if known.schedule != self.schedule:
            known = replace(known, schedule=self.schedule, next=next_run(self.schedule, self.clock()))
        if known.running is not None:
            # An earlier life was cut off in it.
            _log.warning("a set was being made when the service ended; it is made again", trigger=known.running.trigger)
            self._wanted.append(known.running.trigger)
        self.status = replace(known, running=None)

    def run(self) -> None:
        """Work until `end`."""
        while not self._ended.is_set():
            self.round()
            self._ended.wait(self.round_seconds)
        cut = self.maker.running
        self.maker.abort()
        self._finish()
        if self.archiver is not None:
            self.archiver.close()
        # Not finished, it is made again in the next life.
        unfinished = cut if self.status.last is not None and self.status.last.state == "aborted" else None
        self._keep(replace(self.status, running=unfinished))

    def end(self) -> None:
        """Have the loop end; a set that is being made is given up."""
        self._ended.set()

    def round(self) -> None:
        """Look once at what is due and what has ended."""
        self._finish()
        self._look_at_the_clock()
        self._look_at_the_target()
        self._look_at_the_archive()
        if self._wanted and self.maker.running is None:
            trigger = self._wanted.pop(0)
            _log.info("a set is made", trigger=trigger)
            self.maker.start(trigger)
        self._keep(replace(self.status, running=self.maker.running))

    def _look_at_the_clock(self) -> None:
        now = self.clock()
        found = due(self.schedule, self.status.next, now)
        if found is None:
            return
        planned, count = found
        if SCHEDULED not in self._wanted:
            self._wanted.append(SCHEDULED)
        self.status = replace(self.status, next=next_run(self.schedule, now))
        if count:
            _log.warning("sets were missed; one is made for all of them", missed=count, planned=planned)
            self.status = replace(self.status, missed=self.status.missed + count, missed_at=planned)

    def _look_at_the_target(self) -> None:
        """Know of a good set that somebody else has made."""
        if self.maker.running is not None or time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        try:
            found = self.newest()
        except Failure as failure:
            _log.warning("the sets could not be listed", error=failure.message)
            return
        if found is not None and (self.status.good is None or found.began > self.status.good.began):
            self.status = replace(self.status, good=found, based=max(self.status.based, found.began))

    def _look_at_the_archive(self) -> None:
        """Have a set made where the log began anew: what it has since then is of no use to older sets."""
        if self.archiver is None:
            return
        state = self.archiver.state()
        self.status = replace(self.status, archive=state)
        again = time.monotonic() - self._asked_at > _AGAIN_SECONDS or state.chain_began != self._asked_for
        if state.chain_began > self.status.based and again and not self._wanted and self.maker.running is None:
            self._asked_at, self._asked_for = time.monotonic(), state.chain_began
            self._wanted.append(ARCHIVE)

    def _finish(self) -> None:
        outcome = self.maker.finished()
        if outcome is None:
            return
        self.status = replace(self.status, last=outcome)
        if outcome.state == "good":
            self.status = replace(self.status, good=outcome)
        if outcome.state in ("good", "incomplete") and _POSTGRES not in outcome.reasons:
            self.status = replace(self.status, based=outcome.began)
        _tell(outcome)

    def _keep(self, status: Status) -> None:
        self.status = replace(status, at=time.time())
        try:
            write(self.status, self.directory)
        except OSError as error:
            # The health check notices; sets are more important.
            _log.error("the status could not be written", error=str(error))


def _tell(outcome: Outcome) -> None:
    seconds = round(outcome.ended - outcome.began, 1)
    about = {"trigger": outcome.trigger, "set": outcome.set, "seconds": seconds, "removed": list(outcome.removed)}
    if outcome.state == "good" and outcome.error is None:
        _log.info("a set was made", **about)
    else:
        _log.error(
            "a set was not made as it should",
            state=outcome.state,
            reasons=dict(outcome.reasons),
            error=outcome.error,
            **about,
        )

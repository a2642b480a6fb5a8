"""One channel's deliveries, in a thread of their own, until each notice is delivered or too old."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from tenacity import Retrying, retry_if_result, wait_exponential_jitter

from monitor.alerts.channels import Channel, Undelivered
from monitor.alerts.model import Notice
from monitor.alerts.spool import Spool

_log = structlog.get_logger()


@dataclass(frozen=True)
class Patience:
    """How long a channel is tried: the first and the longest pause in seconds, and the age at which a notice is given up."""

    first: float = 1.0
    longest: float = 300.0
    age: timedelta = timedelta(hours=24)


PATIENCE = Patience()


@dataclass(frozen=True)
class Counts:
    """A channel's notices since the start: delivered, failed attempts, given up; and how many wait now."""

    delivered: int
    failed: int
    given_up: int
    waiting: int


class Courier:
    """Delivers what is in a spool, oldest first, and pauses longer and longer while nothing goes through."""

    def __init__(self, channel: Channel, spool: Spool, patience: Patience) -> None:
        """Go on at once with what an earlier process left."""
        self._channel, self._spool, self._patience = channel, spool, patience
        self._delivered = self._failed = 0
        self._reachable = True
        self._stopping, self._wake = threading.Event(), threading.Event()
        # A daemon: a receiver that does not answer must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=f"alerts-{channel.name}", daemon=True)
        self._thread.start()

    def put(self, notice: Notice) -> None:
        """Take a notice over; once this returns, it is on disk, if the disk can be written at all."""
        self._spool.put(notice)
        self._wake.set()

    def counts(self) -> Counts:
        """Return the counters as they are now."""
        return Counts(self._delivered, self._failed, self._spool.given_up, len(self._spool.waiting()))

    def stop(self) -> None:
        """Ask the thread to end after the attempt that it is in."""
        self._stopping.set()
        self._wake.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread's end, so long at most."""
        self._thread.join(seconds)

    def _run(self) -> None:
        pauses = wait_exponential_jitter(
            multiplier=self._patience.first, max=self._patience.longest, jitter=self._patience.first
        )
        # It counts the attempts anew each time that something went through.
        persistent = Retrying(
            retry=retry_if_result(lambda progress: not progress),
            wait=pauses,
            sleep=self._pause,
        )
        while True:
            persistent(self._progress)
            if self._stopping.is_set():
                return
            self._wake.wait()

    def _pause(self, seconds: float) -> None:
        """Wait before the next attempt. A new notice ends it early where only older ones were refused."""
        (self._wake if self._reachable else self._stopping).wait(seconds)

    def _progress(self) -> bool:
        """Try each notice once, as far as the channel is reachable; return whether all are done, or at least some.

        After some, the next round follows at once.
        """
        self._wake.clear()
        self._reachable = True
        done = failed = 0
        for name in self._spool.waiting():
            if self._stopping.is_set():
                return True
            if self._finish(name):
                done += 1
                continue
            failed += 1
            if not self._reachable:
                break
        if failed and done:
            self._wake.set()
        return not failed or done > 0

    def _finish(self, name: str) -> bool:
        """Deliver a notice, or give it up; return whether it waits no more."""
        notice = self._spool.read(name)
        if notice is None:
            return True
        told = {"channel": self._channel.name, "key": notice.condition.key, "state": notice.state}
        if datetime.now(UTC) - notice.at > self._patience.age:
            _log.error("an alert was given up: it is too old", **told)
            self._spool.give_up(name)
            return True
        try:
            self._channel.send(notice)
        except Undelivered as error:
            self._reachable, reason = error.refused, str(error)
        except Exception as error:  # noqa: BLE001 - other notices must go on; what it says may be a secret
            reason = type(error).__name__
        else:
            self._spool.remove(name)
            self._delivered += 1
            return True
        self._failed += 1
        _log.warning("an alert was not delivered, and is tried again", **told, error=reason)
        return False

"""All channels' waiting notices on disk, and their deliveries: what was taken over reaches people, or is told to be lost."""

import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from monitor.alerts.channels import Channel
from monitor.alerts.courier import PATIENCE, Counts, Courier, Patience
from monitor.alerts.model import Notice
from monitor.alerts.spool import Spool

MOST_WAITING = 1000
_log = structlog.get_logger()


class Outbox:
    """Takes notices over and delivers them to every channel in the background, a thread a channel.

    A notice is delivered twice only where the process was killed between its delivery and the removal of its file.
    """

    def __init__(
        self,
        directory: Path,
        channels: Iterable[Channel],
        *,
        patience: Patience = PATIENCE,
        most: int = MOST_WAITING,
    ) -> None:
        """Go on with what an earlier process left in `directory`, which is the outbox's alone.

        `most` is how many notices may wait for a channel. ValueError for a name that is no directory's, or there twice.
        """
        found = list(channels)
        names = [channel.name for channel in found]
        if len(set(names)) != len(names) or not all(re.fullmatch(r"[a-z0-9-]+", name) for name in names):
            raise ValueError(f"the channels are named {names}; allowed: a-z, 0-9 and dashes, each name once")
        _forget_others(directory, names, most)
        self._couriers: Mapping[str, Courier] = {
            channel.name: Courier(channel, Spool(directory / channel.name, most), patience) for channel in found
        }

    def put(self, notice: Notice) -> None:
        """Take a notice over, for every channel; once this returns, it is on disk, if the disk can be written at all."""
        for courier in self._couriers.values():
            courier.put(notice)

    def counts(self) -> dict[str, Counts]:
        """Return each channel's counters, by its name."""
        return {name: courier.counts() for name, courier in self._couriers.items()}

    def close(self, seconds: float) -> None:
        """End the deliveries, waiting so long at most for those under way; what waits is delivered after the next start."""
        for courier in self._couriers.values():
            courier.stop()
        deadline = time.monotonic() + seconds
        for courier in self._couriers.values():
            courier.join(max(0.0, deadline - time.monotonic()))


def _forget_others(directory: Path, names: list[str], most: int) -> None:
    """Give up what waits for channels that are configured no more."""
    with suppress(OSError):
        for other in sorted(path for path in directory.iterdir() if path.is_dir() and path.name not in names):
            spool = Spool(other, most)
            if waiting := spool.waiting():
                _log.error("alerts were given up: their channel is no more", channel=other.name, count=len(waiting))
            for name in waiting:
                spool.remove(name)
            with suppress(OSError):
                other.rmdir()

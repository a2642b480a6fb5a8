"""Watching the monitor for a long time: its memory must stay flat, and its checks on time."""

import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.e2e import writers
from tests.e2e.monitor.watching import Watching

_LOOK_SECONDS = 5.0
_LATENESS = "ai_karen_check_lateness_seconds_bucket"
_MEMORY = "process_resident_memory_bytes"
_BEGAN = "process_start_time_seconds"
# A fifth at each end is compared: what grows for ever shows itself between them.
_PART = 5
# An allocator keeps some; a leak in a long run is far above it.
MEBIBYTES = 8
LATE_SECONDS = 1.0
ON_TIME = 0.99
# Of the checks that fit in; a round that waits for an answer makes the next one late.
_CHECKED = 0.9


@dataclass(frozen=True)
class Soak:
    """What was seen: checks, the share of them that began within LATE_SECONDS, and the memory's median at both ends in bytes.

    `due` checks fit in the time; `replaced` says that the worker at the end is not the one of the beginning.
    """

    checks: int
    due: int
    replaced: bool
    on_time: float
    first: float
    last: float

    @property
    def grown(self) -> float:
        """Return by how many MiB the memory grew."""
        return (self.last - self.first) / 1024**2

    @property
    def wrong(self) -> list[str]:
        """Return what is not as it must be."""
        return [
            sentence
            for sentence, is_so in (
                (f"fewer than {_CHECKED:.0%} of {self.due} checks", self.checks < _CHECKED * self.due),
                (f"more than {1 - ON_TIME:.0%} late checks", self.on_time <= ON_TIME),
                (f"{MEBIBYTES} MiB more or above", self.grown >= MEBIBYTES),
                ("the worker was replaced", self.replaced),
            )
            if is_so
        ]

    def __str__(self) -> str:
        return (
            f"{self.checks} checks of {self.due}, {self.on_time:.2%} within {LATE_SECONDS} s, "
            f"{self.first / 1024**2:.1f} MiB at first, {self.grown:+.1f} MiB"
        )


def soak(watching: Watching, minutes: float, *, interval: float) -> Soak:
    """Write to every engine and look at the monitor, for so long; it checks once in `interval` seconds."""
    memory, began = [], datetime.now(UTC)
    before = watching.metrics()
    until = time.monotonic() + 60 * minutes
    with writers.writing(writers.all_of(watching.stack.variables(), f"soak{int(time.time())}"), seconds=0):
        while time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
            memory.append(watching.metrics()[_MEMORY, ""])
    after = watching.metrics()
    checks = after[_LATENESS, "+Inf"] - before[_LATENESS, "+Inf"]
    on_time = after[_LATENESS, str(LATE_SECONDS)] - before[_LATENESS, str(LATE_SECONDS)]
    part = max(1, len(memory) // _PART)
    # A worker that was replaced says so in its log, wherever else alerts go.
    told = b"monitor/restarted" in watching.container("monitor").logs(since=began)
    return Soak(
        checks=int(checks),
        due=int(60 * minutes / interval),
        replaced=told or before[_BEGAN, ""] != after[_BEGAN, ""],
        on_time=on_time / max(1, checks),
        first=statistics.median(memory[:part]),
        last=statistics.median(memory[-part:]),
    )

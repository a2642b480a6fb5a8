"""Watching the monitor for a long time: its memory must stay flat, and its checks on time."""

import statistics
import time
from dataclasses import dataclass

from tests.e2e import writers
from tests.e2e.monitor.watching import Watching

_LOOK_SECONDS = 5.0
_LATENESS = "ai_karen_check_lateness_seconds_bucket"
_MEMORY = "process_resident_memory_bytes"
# A fifth at each end is compared: what grows for ever shows itself between them.
_PART = 5
# An allocator keeps some; a leak in a long run is far above it.
MEBIBYTES = 8
LATE_SECONDS = 1.0


@dataclass(frozen=True)
class Soak:
    """What was seen: checks, the share of them that began within LATE_SECONDS, and the memory's median at both ends in bytes."""

    checks: int
    on_time: float
    first: float
    last: float

    @property
    def grown(self) -> float:
        """Return by how many MiB the memory grew."""
        return (self.last - self.first) / 1024**2

    def __str__(self) -> str:
        return (
            f"{self.checks} checks, {self.on_time:.2%} within {LATE_SECONDS} s, "
            f"{self.first / 1024**2:.1f} MiB at first, {self.grown:+.1f} MiB"
        )


def soak(watching: Watching, minutes: float) -> Soak:
    """Write to every engine and look at the monitor, for so long."""
    memory = []
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
    return Soak(int(checks), on_time / checks, statistics.median(memory[:part]), statistics.median(memory[-part:]))

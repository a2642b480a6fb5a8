"""What the monitor sees of a service at one moment."""

from dataclasses import dataclass
from datetime import datetime

HEALTHY, IN_USE, FAILED = "healthy", "in use", "failed"
# It is not asked: somebody works on it.
MAINTENANCE = "maintenance"
GOOD = (HEALTHY, IN_USE, MAINTENANCE)
# What a prober says itself; the other kinds are those of `init.protocol.Failure`.
NO_ANSWER = "NoAnswer"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a query brought: `status` healthy, in use, failed or maintenance (not asked); `latency` in seconds; on failure its kind, a sentence and the fix."""

    status: str
    latency: float | None = None
    version: str | None = None
    kind: str = ""
    message: str = ""
    fix: str = ""

    @property
    def good(self) -> bool:
        """Whether there is nothing to do about it."""
        return self.status in GOOD


@dataclass(frozen=True, kw_only=True)
class Container:
    """A server's container: `state` as the engine calls it, or `missing`; `attached` to the stack's networks."""

    state: str
    health: str | None = None
    started_at: datetime | None = None
    restarts: int = 0
    exit_code: int = 0
    out_of_memory: bool = False
    attached: bool = True


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How much of a limit is used, both in bytes; `device` is the same for what lies on the same disk."""

    used: int
    limit: int
    device: int | None = None

    @property
    def share(self) -> float:
        """Return the used part, from 0 to 1."""
        return self.used / self.limit if self.limit else 0.0

    @property
    def left(self) -> int:
        """Return the bytes that are not used."""
        return self.limit - self.used


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One service at one moment. What has no server has no container; what could not be told is None."""

    service: str
    answer: Answer
    container: Container | None = None
    disk: Usage | None = None
    memory: Usage | None = None

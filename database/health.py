"""One report on every engine: whether it answers, how fast, what its pool is like, and what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ok", "degraded", "down", "disabled"]
Overall = Literal["ok", "degraded", "down"]


@dataclass(frozen=True, kw_only=True)
class EngineHealth:
    """One engine. `latency` is in milliseconds, of one question and its answer; `error` is None while there is none."""

    engine: str
    status: Status
    latency: float | None = None
    pool: Mapping[str, int] = field(default_factory=dict)
    breaker: str = "closed"
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        return {
            "status": self.status,
            "latency_ms": self.latency,
            "pool": dict(self.pool),
            "breaker": self.breaker,
            "error": self.error,
        }


@dataclass(frozen=True)
class DatabaseHealth:
    """All of them. PostgreSQL is what the others are made from: without it nothing works, without another one something."""

    engines: Sequence[EngineHealth]

    @property
    def status(self) -> Overall:
        """Return `down` without PostgreSQL or without any engine, `degraded` if one has trouble, else `ok`."""
        asked = {one.engine: one.status for one in self.engines if one.status != "disabled"}
        down = [engine for engine, status in asked.items() if status == "down"]
        if "postgres" in down or (asked and len(down) == len(asked)):
            return "down"
        return "ok" if all(status == "ok" for status in asked.values()) else "degraded"

    def __getitem__(self, engine: str) -> EngineHealth:
        """Return one engine's."""
        return next(one for one in self.engines if one.engine == engine)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON's types, for a health endpoint."""
        return {"status": self.status, "engines": {one.engine: one.as_dict() for one in self.engines}}

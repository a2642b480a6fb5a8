"""How failures are met: how often one tries again, and when an engine is left alone."""

from typing import Annotated, Literal

from pydantic import Field

from database.settings.fields import EngineSettings, Seconds, named


class ResilienceSettings(EngineSettings):
    """For all engines alike; times in seconds."""

    # The first attempt included.
    attempts: Annotated[int, Field(ge=1, le=20)] = named("DATABASE_RETRY_ATTEMPTS", default=4)
    first_pause: Seconds = named("DATABASE_RETRY_FIRST_PAUSE", default=0.05)
    longest_pause: Seconds = named("DATABASE_RETRY_LONGEST_PAUSE", default=2.0)
    # Failures in a row after which an engine is left alone, and for how long.
    breaker_failures: Annotated[int, Field(ge=1, le=1000)] = named("DATABASE_BREAKER_FAILURES", default=5)
    breaker_seconds: Seconds = named("DATABASE_BREAKER_SECONDS", default=1.0)
    # For the question whether an engine is there.
    probe_timeout: Seconds = named("DATABASE_PROBE_TIMEOUT", default=2.0)
    # A healthy engine that takes longer than this is degraded.
    slow_health: Seconds = named("DATABASE_SLOW_HEALTH", default=1.0)
    telemetry: Literal["auto", "off"] = named("DATABASE_TELEMETRY", default="auto")

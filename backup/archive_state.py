"""How the archive of PostgreSQL's log stands: told by who follows it, written down by the service, read by commands and the monitor."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ArchiveState:
    """Whether the log is followed, how far behind that is, and the trouble. Times are Unix seconds.

    `lag_seconds` is the age of the oldest commit that is not archived (0: there is none), `lag_bytes` the log since; None if that
    cannot be told. Sets from before `chain_began` cannot be brought to a later moment: a set is due where the newest is one.
    """

    following: bool = False
    chain: str = ""
    chain_began: float = 0.0
    segment: str = ""
    archived: float = 0.0
    complete_to: float = 0.0
    lag_seconds: float | None = None
    lag_bytes: int | None = None
    error: str = ""

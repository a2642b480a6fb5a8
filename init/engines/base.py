"""What a driver is, and what drivers share: patience with a server that is just starting, checked requests, log lines."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from init.migrations import Migration
from init.protocol import Failure

Result = TypeVar("Result")
Seeds = Mapping[str, Sequence[Mapping[str, Any]]]
PATIENCE_SECONDS = 30.0
_patience = PATIENCE_SECONDS
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class LedgerEntry:
    """One applied migration, as the engine itself records it."""

    name: str
    checksum: str
    applied_at: datetime

    def document(self) -> dict[str, str]:
        """Return the entry as `migration_history` has it, less the service."""
        applied_at = self.applied_at.astimezone(UTC).isoformat()
        return {"migration_name": self.name, "checksum": self.checksum, "applied_at": applied_at}


class Engine(Protocol):
    """A driver. Its module imports the client library; errors it can explain are raised as `Failure`."""

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Connect, with patience; `must_exist` in the connection forbids to create the database."""

    def server_version(self) -> str:
        """Return the server's version, such as `17.11`."""

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Return what is applied, in order; () on a fresh engine. Writes nothing."""

    def apply(self, migration: Migration) -> None:
        """Apply one migration and record it, atomically where the engine can; safe to repeat where it cannot."""

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Add the records this engine wants that are not there; return how many were added, by target."""

    def verify(self) -> dict[str, int]:
        """Answer a real query that leaves nothing behind; return counts by table, index, collection or bucket."""

    def close(self) -> None:
        """Give everything back."""


class SharedLedger(Engine, Protocol):
    """The driver of the engine that keeps a copy of every engine's ledger, for one place to look."""

    def mirror(self, ledgers: Mapping[str, Sequence[Mapping[str, str]]], reports: Mapping[str, Any]) -> dict[str, int]:
        """Make the shared ledger tell what the engines' own tell; `reports` are their answers. Return its new counts."""


def set_patience(seconds: float) -> None:
    """Say for how long this job's `retry` goes on; a job is a process of its own."""
    global _patience  # noqa: PLW0603 - one value for the whole process, set once
    _patience = seconds


def retry(
    attempt: Callable[[], Result],
    *,
    engine: str,
    transient: Callable[[Exception], bool],
    fix: str,
    seconds: float | None = None,
    trouble: str = "not reachable",
) -> Result:
    """Repeat `attempt` while its error is transient; ConnectionFailed with the last error after `seconds` (the job's patience)."""
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

    started = time.monotonic()
    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, Exception) and transient(error)),
        stop=stop_after_delay(_patience if seconds is None else seconds),
        wait=wait_exponential(multiplier=_FIRST_PAUSE_SECONDS, max=_LONGEST_PAUSE_SECONDS),
        reraise=True,
    )
    try:
        return retrying(attempt)
    except Failure:
        raise
    except Exception as error:
        if not transient(error):
            raise
        waited = time.monotonic() - started
        raise Failure(
            "ConnectionFailed", f"{engine}: {trouble} after {waited:.0f} s: {first_line(error)}", fix
        ) from None


def required(document: Mapping[str, Any], key: str, kind: type[Result]) -> Result:
    """Return a field of a request; BadRequest names the key when it is missing or of another type."""
    value = document.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        found = "missing" if key not in document else f"a {type(value).__name__}"
        raise Failure("BadRequest", f"{key} is {found}; allowed: a {kind.__name__}", f"send {key}")
    return value


def unsupported(engine: str, migration: Migration, allowed: str) -> Failure:
    """Return the failure for a migration whose suffix this engine has no use for."""
    return Failure(
        "MigrationFailed",
        f"{engine}/{migration.file}: a .{migration.suffix} migration; allowed: .{allowed}",
        "rename it",
    )


def failed(engine: str, migration: Migration, reason: str) -> Failure:
    """Return the failure of a migration that the engine refused."""
    return Failure(
        "MigrationFailed", f"{engine}/{migration.file}: {reason}", f"correct init/data/{engine}/{migration.file}"
    )


def first_line(error: BaseException) -> str:
    """Return an error's first line, which says what happened; the rest is hints and context."""
    # Some clients wrap their message into a representation of the exception.
    lines = str(getattr(error, "message", error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def log(engine: str, message: str) -> None:
    """Write one line to the job's log."""
    print(f"{engine}: {message}", file=sys.stderr, flush=True)

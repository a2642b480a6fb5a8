"""What a driver is, and what drivers share: patience with a server that is just starting, checked requests, log lines."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeVar

from init import transport
from init.migrations import LedgerEntry, Script
from init.protocol import Failure

Result = TypeVar("Result")
Seeds = Mapping[str, Sequence[Mapping[str, Any]]]
# Who may log in: each has a `user`, a `password` and `rights`, whose words are the driver's; perhaps a `next_password`, which is
# left to one that has it already.
Accounts = Sequence[Mapping[str, Any]]
PATIENCE_SECONDS = 30.0
# A number, `{"at_least": number}` where counting ended before the end, None where nothing could be counted.
Count = int | Mapping[str, int] | None
WIPE_FAILED = "WipeFailed"
# The engine answers, but says that its data are not what was written.
DAMAGED = "Damaged"
_patience = PATIENCE_SECONDS
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.5


class Work:
    """What a runner gives to a driver's `execute`: how far an earlier run came, and its leave to go on.

    A driver that cannot do everything in one transaction calls `begin(step)` before each of its steps; every step is safe to
    repeat. `begin` raises when this runner no longer holds the lock.
    """

    def __init__(self, entry: LedgerEntry, *, guard: Callable[[], None] = lambda: None, resumed: bool = False) -> None:
        """`resumed` says that an earlier run was cut off in this migration, or that it failed and was repaired."""
        self.entry = entry
        self.resumed = resumed
        self._guard = guard

    @property
    def reverting(self) -> bool:
        """Whether this is the way back."""
        return self.entry.state == "reverting"

    @property
    def made_by(self) -> dict[str, str]:
        """Return the mark that an object carries where the engine has no transaction: who made it."""
        return {"migration": self.entry.name, "checksum": self.entry.checksum}

    def begin(self, step: str) -> None:
        """Ask for leave before a step that writes; Failure when another runner may be at work."""
        self._guard()
        log(self.entry.name, step)


class Service(Protocol):
    """What every driver can do. Its module imports the client library; errors it can explain are raised as `Failure`."""

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Connect, with patience; `must_exist` forbids to create the database, `runner` says who connects.

        What fails leaves nothing open.
        """

    def server_version(self) -> str:
        """Return the server's version, such as `17.11`."""

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Return what is recorded, in order; () on a fresh engine. Writes nothing."""

    def seed(self, seeds: Seeds) -> dict[str, int]:
        """Add the records this engine wants that are not there; return how many were added, by target."""

    def probe(self) -> None:
        """Answer a real query that leaves nothing behind, in moments; Failure if the engine cannot."""

    def examine(self, after: object, seconds: float) -> object:
        """Read on in what is stored, for some seconds, so that damage is met that nobody has met yet; Failure if something cannot be read.

        `after` is what the call before has returned: where to go on, None to begin anew. Default: nothing is read.
        """
        return None

    def verify(self) -> dict[str, int]:
        """Answer the same, and return counts by table, index, collection or bucket."""

    def contents(self) -> Mapping[str, Count]:
        """Count what `wipe` would remove, without the ledger: rows, keys, documents, entities or objects by name."""

    def wipe(self) -> None:
        """Remove everything that anybody has put there, the ledger first; users and passwords stay.

        Cut off at any moment, it leaves an engine that can be connected to, and wiped again.
        """

    def grant(self, accounts: Accounts) -> None:
        """Make accounts what they are said to be: each lets in with its password alone, and may do what its rights are.

        Default, as of the two that follow: an engine without accounts.
        """
        return

    def change(self, account: Mapping[str, Any], former: str) -> None:
        """Let an account, the administrator's too, in with its password from now on; with the `former` one as well where that can be."""
        return

    def retire(self, user: str) -> None:
        """Remove a user whose place another one has taken; one that is gone is fine."""
        return

    def close(self) -> None:
        """Give everything back."""


class Engine(Service, Protocol):
    """A driver whose engine has a schema, and a ledger of the migrations that made it."""

    def write(self, entry: LedgerEntry, replacing: LedgerEntry | None) -> None:
        """Record an entry in place of `replacing` (None: there is none yet); LedgerConflict if that is not what is there."""

    def remove(self, entry: LedgerEntry) -> None:
        """Take an entry out of the ledger; LedgerConflict if it is not there as given."""

    def atomic(self, script: Script) -> bool:
        """Whether this script and its record are one `transaction`. Default: an engine without transactions."""
        return False

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context in which everything is committed together, or nothing is."""
        return nullcontext()

    def check(self, script: Script) -> None:
        """Refuse, before anything is written, a script that this engine cannot execute as things are; MigrationFailed."""

    def execute(self, script: Script, work: Work) -> None:
        """Do what the script says; MigrationFailed with the reason, and the engine's data as they were, if it cannot be."""

    def objects(self) -> dict[str, str]:
        """Return the schema: `kind name` (`column memory.query`, `alias ai_karen_memory`) to its definition in one line.

        Without the ledger. What belongs to something has its name and a dot in front of its own: `column memory.query`.
        """

    def kept(self) -> dict[str, int]:
        """Return the old versions that changes have kept, with how much each holds."""
        return {}

    def drop_kept(self, names: Sequence[str]) -> None:
        """Remove old versions for good."""


class LedgerConflict(Failure):
    """The ledger is not as this runner left it: another one is at work, or was."""

    def __init__(self, engine: str, name: str) -> None:
        super().__init__(
            "LedgerConflict",
            f"{engine}: the record of {name} was changed by another runner",
            "run the same command again once that one has ended",
        )


def set_patience(seconds: float) -> None:
    """Say for how long this job's `retry` goes on; a job is a process of its own."""
    global _patience  # noqa: PLW0603 - one value for the whole process, set once
    _patience = seconds


def patience(most: float) -> float:
    """Return a number of seconds to wait, which is the job's patience at most."""
    return min(most, _patience)


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
        told = f"{engine}: {trouble} after {waited:.0f} s: {first_line(error)}"
        raise Failure("ConnectionFailed", told, transport.fix(error) or fix) from None


def required(document: Mapping[str, Any], key: str, kind: type[Result]) -> Result:
    """Return a field of a request; BadRequest names the key when it is missing or of another type."""
    value = document.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        found = "missing" if key not in document else f"a {type(value).__name__}"
        raise Failure("BadRequest", f"{key} is {found}; allowed: a {kind.__name__}", f"send {key}")
    return value


def passwords(account: Mapping[str, Any]) -> list[str]:
    """Return the passwords that an account may have: the one that it is given where it has none of them first."""
    following = account.get("next_password")
    return [required(account, "password", str), *([str(following)] if following else [])]


def unsupported(engine: str, script: Script, allowed: str) -> Failure:
    """Return the failure for a script whose suffix this engine has no use for."""
    return Failure(
        "MigrationFailed",
        f"{engine}/{script.file}: a .{script.suffix} migration; allowed: .{allowed}",
        "rename it",
    )


def failed(engine: str, script: Script, reason: str) -> Failure:
    """Return the failure of a script that the engine refused."""
    return Failure("MigrationFailed", f"{engine}/{script.file}: {reason}", f"correct init/data/{engine}/{script.file}")


def not_wiped(engine: str, reason: str) -> Failure:
    """Return the failure of a wipe that the engine did not carry out."""
    return Failure(WIPE_FAILED, f"{engine}: not everything was removed: {reason}", "remove the cause and reset again")


def first_line(error: BaseException) -> str:
    """Return an error's first line, which says what happened; the rest is hints and context."""
    # Some clients wrap their message into a representation of the exception.
    lines = str(getattr(error, "message", error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def log(engine: str, message: str) -> None:
    """Write one line to the job's log."""
    print(f"{engine}: {message}", file=sys.stderr, flush=True)

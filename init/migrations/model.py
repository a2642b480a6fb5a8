"""What a migration is, what an engine records of it, and what can be wrong. Pure: used on the host and in the toolbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

# What an engine without an applied migration reports.
NO_VERSION = "none"
State = Literal["applied", "applying", "reverting"]


@dataclass(frozen=True)
class Options:
    """What a file's header says: whether it runs in one transaction, and how long one of its steps may take (seconds)."""

    transactional: bool = True
    timeout: float | None = None


@dataclass(frozen=True)
class Script:
    """One file: the way there or the way back. `body` has normalized line ends."""

    file: str
    body: str
    options: Options = Options()

    @property
    def suffix(self) -> str:
        """Return `sql`, `json` or `py`."""
        return self.file.rpartition(".")[2]


@dataclass(frozen=True)
class Migration:
    """One migration; `name` has no suffix, `checksum` is that of the way there."""

    name: str
    checksum: str
    up: Script
    down: Script | None = None

    @property
    def version(self) -> str:
        """Return the number, three digits."""
        return self.name[:3]

    @property
    def file(self) -> str:
        """Return the file's name."""
        return self.up.file


@dataclass(frozen=True)
class LedgerEntry:
    """One migration as an engine records it.

    An entry is *dirty* while its migration is half applied or half reverted. `step` counts the finished steps of such a
    one, `error` is why it failed: empty when its runner was cut off, and then the next run goes on with it.
    """

    name: str
    checksum: str
    applied_at: datetime
    duration: float = 0.0
    applied_by: str = ""
    state: State = "applied"
    step: int = 0
    error: str = ""

    @property
    def version(self) -> str:
        """Return the number, three digits."""
        return self.name[:3]

    @property
    def dirty(self) -> bool:
        """Whether the migration is neither applied nor absent."""
        return self.state != "applied"

    def changed(self, **changes: Any) -> "LedgerEntry":
        """Return the entry with other values."""
        return replace(self, **changes)

    def document(self) -> dict[str, Any]:
        """Return the entry as JSON, with the names of `migration_history`."""
        return {
            "migration_name": self.name,
            "checksum": self.checksum,
            "applied_at": self.applied_at.astimezone(UTC).isoformat(),
            "duration": self.duration,
            "applied_by": self.applied_by,
            "state": self.state,
            "dirty": self.dirty,
            "step": self.step,
            "error": self.error,
        }

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "LedgerEntry":
        """Return the entry of a document."""
        return cls(
            name=document["migration_name"],
            checksum=document["checksum"],
            applied_at=datetime.fromisoformat(document["applied_at"]),
            duration=float(document.get("duration", 0.0)),
            applied_by=document.get("applied_by", ""),
            state=document.get("state", "applied"),
            step=int(document.get("step", 0)),
            error=document.get("error", ""),
        )


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: its kind, the file it is about, and a sentence with the fix."""

    kind: str
    file: str
    message: str

    def __str__(self) -> str:
        return self.message


class MigrationsInvalid(ValueError):
    """The files of a folder are no sequence of migrations; `problems` names everything that is wrong with them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Plan:
    """What is to be applied, in order (a half-applied one first), and why it may not be."""

    pending: tuple[Migration, ...]
    problems: tuple[Problem, ...] = field(default=())


def schema_version(ledger: Sequence[LedgerEntry]) -> str:
    """Return the highest number among applied migrations, `none` when there are none."""
    return max((entry.version for entry in ledger if not entry.dirty), default=NO_VERSION)

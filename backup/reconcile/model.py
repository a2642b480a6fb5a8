"""A memory as PostgreSQL has it, and what another engine keeps of memories."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

# Of the columns, those that other engines repeat.
REPEATED = ("tenant_id", "user_id", "session_id", "query", "result", "timestamp")
Embeddings = Callable[[Sequence[int]], Mapping[int, list[float]]]


@dataclass(frozen=True, slots=True)
class Memory:
    """One row of `memory`. `key` is its vector_id, `result` is JSON as text, `timestamp` is Unix time in seconds."""

    key: int
    tenant_id: str | None
    user_id: str | None
    session_id: str | None
    query: str | None
    result: str | None
    timestamp: int | None


@dataclass
class Mended:
    """What was done: objects written anew, brought up to date, deleted; `refused` has the reason by key."""

    written: int = 0
    updated: int = 0
    deleted: int = 0
    refused: dict[int, str] = field(default_factory=dict)

    def __add__(self, other: "Mended") -> "Mended":
        """Return both together; of a key that was refused twice, the later reason."""
        return Mended(
            self.written + other.written,
            self.updated + other.updated,
            self.deleted + other.deleted,
            {**self.refused, **other.refused},
        )


class Side(Protocol):
    """An engine that repeats memories. Its errors are raised as its client has them."""

    engine: str

    def held(self) -> Generator[tuple[int, Any]]:
        """Yield everything it holds with a key, in the order of the key; a key may come more than once."""

    def agrees(self, memory: Memory, one: Any) -> bool:
        """Whether what it holds is what the row says."""

    def mend(self, keys: Sequence[int], memories: Mapping[int, Memory], embeddings: Embeddings) -> Mended:
        """Look at these keys again, and make of each what its row says, or nothing where there is none any more."""

    def hopeless(self, keys: Sequence[int], embeddings: Embeddings) -> list[int]:
        """Return those of the keys for which the row does not hold what has to be written."""

    def unkeyed(self) -> int:
        """Count what has no key, and so cannot be compared."""

    def explain(self, error: Exception) -> str | None:
        """Return an error of its client in one line, None for any other."""

    def close(self) -> None:
        """Give everything back."""

"""What the outbox handles: changes to deliver, what became of them, and how far an engine is behind."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from psycopg import AsyncConnection

# A transaction on a connection of its own, as PostgresClient.transaction gives one.
Transaction = Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]


@dataclass(frozen=True, slots=True)
class Row:
    """A memory as its row is, whoever wrote it: any column but the key may be NULL."""

    vector_id: int
    tenant_id: str | None
    user_id: str | None
    session_id: str | None
    query: str | None
    result: str | None
    timestamp: int | None
    embedding: Sequence[float] | None
    version: int


@dataclass(frozen=True, slots=True)
class Change:
    """The state of one key to deliver: its row, or None as the tombstone of one that is gone; `version` only grows."""

    vector_id: int
    version: int
    row: Row | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the outbox; `sequence` is the order in which writers of a key committed."""

    sequence: int
    vector_id: int
    version: int
    attempts: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What an engine refuses for good, and why; the row itself is in PostgreSQL, and a later write of it is tried again."""

    destination: str
    vector_id: int
    version: int
    attempts: int
    reason: str
    created_at: datetime
    died_at: datetime


@dataclass(frozen=True, slots=True)
class Lag:
    """How far an engine is behind: entries that wait, the age of the oldest in seconds (0.0 without one), dead letters."""

    destination: str
    pending: int
    seconds: float
    dead_letters: int


class Destination(Protocol):
    """An engine that follows PostgreSQL. All of it may be repeated, and is safe beside others that do the same."""

    @property
    def name(self) -> str:
        """Return the engine, as entries name it."""

    async def deliver(self, changes: Sequence[Change]) -> Mapping[int, str]:
        """Make each key what its change says unless it is newer there; return why keys are refused for good, by key.

        Any DatabaseError means that nothing is known of any of them.
        """

    async def show(self, keys: Sequence[int]) -> None:
        """Return once every read of the engine, by anybody, sees what was delivered before."""

    async def ask(self) -> None:
        """Ask whether the engine answers; DatabaseError if it does not."""

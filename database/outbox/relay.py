"""The relay: takes what is due from the outbox to an engine, in order per key, beside any number of other relays."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from psycopg import AsyncConnection

from database.errors import (
    AuthenticationFailed,
    ConfigurationInvalid,
    DatabaseError,
    EngineDisabled,
    InvalidInput,
    MissingObject,
    PermissionDenied,
    Unavailable,
)
from database.outbox import entries
from database.outbox.model import Change, Destination, Entry, Transaction

_log: structlog.stdlib.BoundLogger = structlog.get_logger("database.outbox")
# What no other key would escape either.
_EVERY_KEY = (
    *(AuthenticationFailed, ConfigurationInvalid, EngineDisabled),
    *(MissingObject, PermissionDenied, Unavailable),
)
_MOST_ATTEMPTS = 10
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
# Longer than any request to an engine may take: one that was given up may still be carried out until then.
_POSTPONED_SECONDS = 60.0


@dataclass(frozen=True)
class _Sent:
    """What an engine has taken, and the keys that it refuses for good or that are to be tried again, with the reasons."""

    delivered: list[Change]
    refused: dict[int, str]
    postponed: dict[int, str] = field(default_factory=dict)


class Relay:
    """One per engine and process; the entries of a batch stay locked until it is delivered, so a relay that dies gives them back."""

    def __init__(
        self, transaction: Transaction, destination: Destination, *, batch: int = 200, idle_seconds: float = 0.1
    ) -> None:
        """Take up to `batch` keys at a time, and look again after `idle_seconds` where there was nothing to do."""
        self._transaction = transaction
        self._destination = destination
        self._batch = batch
        self._idle_seconds = idle_seconds

    async def run(self, stop: asyncio.Event, beat: Callable[[str], None] = lambda _: None) -> None:
        """Deliver until `stop` is set; an engine that fails is asked again after pauses that grow to 2 s.

        `beat` is called with the engine's name each time that nothing is left undone by a failure.
        """
        pause = _FIRST_PAUSE
        while not stop.is_set():
            try:
                wait = 0.0 if await self.deliver() else self._idle_seconds
                pause = _FIRST_PAUSE
                beat(self._destination.name)
            except DatabaseError as error:
                if isinstance(error, MissingObject) and error.engine == "postgres":
                    # Before the migration that makes the outbox, nothing is due.
                    beat(self._destination.name)
                _log.warning(
                    "not delivered", engine=error.engine, error=type(error).__name__, message=error.message, pause=pause
                )
                wait, pause = pause * random.uniform(0.5, 1.0), min(2 * pause, _LONGEST_PAUSE)  # noqa: S311 - not for secrets
            if wait:
                await _unless(stop, wait)

    async def deliver(self, keys: Sequence[int] | None = None) -> int:
        """Deliver one batch, of these keys alone if they are given, and return how many keys it has claimed.

        A DatabaseError of the engine leaves everything as it was.
        """
        async with self._transaction() as connection:
            claimed = await entries.claim(connection, self._destination.name, self._batch, keys)
            if not claimed:
                return 0
            changes = await entries.changes(connection, self._destination.name, claimed)
            sent = await self._send(changes)
            if isinstance(sent, _Sent):
                await self._settle(connection, claimed, changes, sent)
        # Past the transaction, which would take it for PostgreSQL's.
        if isinstance(sent, DatabaseError):
            raise sent
        return len(claimed)

    async def _send(self, changes: Sequence[Change]) -> _Sent | DatabaseError:
        """Return what became of the keys, or the error by which nothing is known of any."""
        try:
            refused = await self._destination.deliver(changes)
        except _EVERY_KEY as error:
            return error
        except DatabaseError as error:
            # Where the engine does not answer, no key is to blame.
            return await self._one_by_one(changes) if await self._answers() else error
        return _Sent([one for one in changes if one.vector_id not in refused], dict(refused))

    async def _one_by_one(self, changes: Sequence[Change]) -> _Sent | DatabaseError:
        """Find the key that spoils its batch; what comes after one that fails is left for the next batch.

        Where nothing came of it, the error is what is left to tell: the next batch has to wait.
        """
        sent = _Sent([], {})
        for change in changes:
            try:
                refused = await self._destination.deliver([change])
            except InvalidInput as error:
                sent.refused[change.vector_id] = error.message
            except _EVERY_KEY as error:
                if not sent.delivered and not sent.refused:
                    return error
                break
            except DatabaseError as error:
                sent.postponed[change.vector_id] = f"{type(error).__name__}: {error.message}"
                break
            else:
                sent.refused.update(refused)
                if not refused:
                    sent.delivered.append(change)
        return sent

    async def _answers(self) -> bool:
        try:
            await self._destination.ask()
        except DatabaseError:
            return False
        return True

    async def _settle(
        self, connection: AsyncConnection[Any], claimed: Sequence[Entry], changes: Sequence[Change], sent: _Sent
    ) -> None:
        await entries.settle(connection, self._destination.name, sent.delivered)
        for entry, change in zip(claimed, changes, strict=True):
            if reason := sent.refused.get(entry.vector_id):
                await self._bury(connection, entry, change, reason)
            elif reason := sent.postponed.get(entry.vector_id):
                await self._postpone(connection, entry, change, reason)

    async def _postpone(self, connection: AsyncConnection[Any], entry: Entry, change: Change, reason: str) -> None:
        if entry.attempts + 1 >= _MOST_ATTEMPTS:
            await self._bury(connection, entry, change, reason)
        else:
            await entries.postpone(connection, self._destination.name, entry, _POSTPONED_SECONDS, reason)

    async def _bury(self, connection: AsyncConnection[Any], entry: Entry, change: Change, reason: str) -> None:
        _log.error("dead letter", engine=self._destination.name, vector_id=entry.vector_id, reason=reason)
        await entries.bury(connection, self._destination.name, entry, change.version, reason)


async def _unless(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but no longer than until `stop` is set."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return

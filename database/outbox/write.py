"""Memories written and deleted by an application: PostgreSQL first, and then, if it wants to wait, until every engine has them."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Literal, get_args

from database.errors import BadDocument, DatabaseError, OperationTimeout, Unavailable
from database.model import Memory, checks
from database.outbox import entries
from database.outbox.model import Destination, Transaction
from database.outbox.relay import Relay
from database.repositories.mapping import tenant_name
from database.repositories.memories import PostgresMemories

# `none`: committed in PostgreSQL, and in the others soon. `indexed`: every read of each of the three sees it.
Wait = Literal["none", "indexed"]
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25


class MemoryWriter:
    """Writes of one tenant. Who waits delivers what is its own, and needs no relay for it; who does not leaves it to one."""

    def __init__(
        self, transaction: Transaction, destinations: Sequence[Destination], tenant: str, *, seconds: float = 30.0
    ) -> None:
        """`destinations` are the engines that the stack has; `seconds` is how long `indexed` waits at most."""
        self._transaction = transaction
        self._destinations = destinations
        self._tenant = tenant_name(tenant)
        self._seconds = seconds

    async def write(self, *memories: Memory, wait: Wait = "none") -> None:
        """Write memories over those of their keys, all or none.

        Conflict if another tenant has a key. With `indexed` OperationTimeout or BadDocument say that all is committed, and
        which engine does not have it.
        """
        _check(wait)
        if not memories:
            return
        async with self._transaction() as connection:
            rows = PostgresMemories(connection, self._tenant, destinations=[one.name for one in self._destinations])
            versions = await rows.put_many(memories)
        if wait == "indexed":
            await self._indexed(versions, "write memory")

    async def delete(self, vector_id: int, *, wait: Wait = "none") -> bool:
        """Delete a memory; False if there is none. With `indexed` as `write`: no read finds it any more."""
        _check(wait)
        async with self._transaction() as connection:
            rows = PostgresMemories(connection, self._tenant, destinations=[one.name for one in self._destinations])
            version = await rows.delete(vector_id)
        if version is not None and wait == "indexed":
            await self._indexed({vector_id: version}, "delete memory")
        return version is not None

    async def _indexed(self, versions: Mapping[int, int], operation: str) -> None:
        behind = {one.name for one in self._destinations}
        try:
            async with asyncio.timeout(self._seconds), asyncio.TaskGroup() as group:
                for destination in self._destinations:
                    group.create_task(self._shown(destination, versions, operation, behind))
        except TimeoutError:
            raise OperationTimeout(
                f"it is committed in postgres, but after {self._seconds:g} s not in {', '.join(sorted(behind))}",
                min(behind),
                operation,
                "nothing is lost: the relay goes on; see how far it is behind",
            ) from None
        except ExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _shown(
        self, destination: Destination, versions: Mapping[int, int], operation: str, behind: set[str]
    ) -> None:
        """Return once an engine shows these versions or later ones, delivered by this relay or by another."""
        relay, left, pause, is_shown = Relay(self._transaction, destination), dict(versions), _FIRST_PAUSE, False
        while not is_shown:
            delivered = 0
            # The engine, or PostgreSQL, is away: that is what the time is for.
            with suppress(DatabaseError):
                delivered = await relay.deliver(list(left)) if left else 0
            with suppress(Unavailable, OperationTimeout):
                left = await self._left(destination, left, operation)
                if not left:
                    await destination.show(list(versions))
                    is_shown = True
            if not is_shown and not delivered:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        behind.discard(destination.name)

    async def _left(self, destination: Destination, versions: Mapping[int, int], operation: str) -> dict[int, int]:
        """Return those that an engine does not have yet; BadDocument says why it refuses others."""
        async with self._transaction() as connection:
            pending, refused = await entries.progress(connection, destination.name, versions)
        if refused:
            reason = "; ".join(f"{key}: {said}" for key, said in sorted(refused.items()))
            raise BadDocument(
                f"it is committed in postgres, but refused: {reason}",
                destination.name,
                operation,
                "write it corrected",
            )
        return {key: versions[key] for key in pending}


def _check(wait: object) -> None:
    checks.one_of(wait, "wait", get_args(Wait), engine="postgres")

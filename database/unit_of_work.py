"""One transaction of one tenant: everything that is done in it is done, or nothing is."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import cached_property
from types import TracebackType
from typing import Self

from database.outbox.model import Transaction
from database.repositories.audit import PostgresAudit
from database.repositories.configuration import PostgresConfiguration
from database.repositories.conversations import PostgresConversations
from database.repositories.extension_records import PostgresExtensionRecords
from database.repositories.extensions import PostgresExtensions
from database.repositories.mapping import Connection, tenant_name
from database.repositories.memories import DESTINATIONS, PostgresMemories
from database.repositories.profiles import PostgresProfiles


class UnitOfWork:
    """Commits when its block ends, and rolls back when an exception leaves it.

    `connection` is the transaction's own, for statements that no repository has.
    """

    connection: Connection

    def __init__(self, transaction: Transaction, tenant: str, *, destinations: Sequence[str] = DESTINATIONS) -> None:
        """`destinations` are the engines that get the memories; InvalidInput for the tenant's name."""
        self._transaction = transaction
        self._tenant = tenant_name(tenant)
        self._destinations = destinations
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Begin."""
        self.connection = await self._stack.enter_async_context(self._transaction())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """Commit, or roll back."""
        try:
            return await self._stack.__aexit__(kind, error, traceback)
        finally:
            # From here on the connection is somebody else's: another block makes its own repositories.
            for made in [name for name in vars(self) if not name.startswith("_")]:
                delattr(self, made)

    @cached_property
    def profiles(self) -> PostgresProfiles:
        """Profiles and their history."""
        return PostgresProfiles(self.connection, self._tenant)

    @cached_property
    def conversations(self) -> PostgresConversations:
        """Conversations and their messages."""
        return PostgresConversations(self.connection, self._tenant)

    @cached_property
    def memories(self) -> PostgresMemories:
        """Memories, entered for the engines that follow in the same transaction."""
        return PostgresMemories(self.connection, self._tenant, destinations=self._destinations)

    @cached_property
    def extensions(self) -> PostgresExtensions:
        """The extension registry."""
        return PostgresExtensions(self.connection, self._tenant)

    @cached_property
    def extension_records(self) -> PostgresExtensionRecords:
        """What extensions have measured, and what happened to them."""
        return PostgresExtensionRecords(self.connection, self._tenant)

    @cached_property
    def configuration(self) -> PostgresConfiguration:
        """The system's settings, which are no tenant's."""
        return PostgresConfiguration(self.connection)

    @cached_property
    def audit(self) -> PostgresAudit:
        """The audit log."""
        return PostgresAudit(self.connection, self._tenant)

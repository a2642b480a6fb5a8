"""The same for applications without asyncio: a manager and clients whose calls block, for as many threads as one likes."""

from database.sync.manager import SyncDatabaseManager

__all__ = ["SyncDatabaseManager"]

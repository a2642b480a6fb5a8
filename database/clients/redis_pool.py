"""redis-py's pool that waits, without its detours for those who need not wait: they cost a sixth of a `GET`."""

from typing import Any

from redis.asyncio import BlockingConnectionPool


class WaitingPool(BlockingConnectionPool):
    """Who finds a connection takes it at once; who finds none waits for one as the library has it."""

    waiting = 0

    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        """Return a connection that works; ConnectionError after waiting too long for one."""
        # Those who wait already come first, and the pool alone knows what a server under maintenance needs.
        if self.waiting or getattr(self, "_in_maintenance", False) or not self.can_get_connection():
            self.waiting += 1
            try:
                return await super().get_connection()  # type: ignore[no-untyped-call]
            finally:
                self.waiting -= 1
        connection = self.get_available_connection()  # type: ignore[no-untyped-call]
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

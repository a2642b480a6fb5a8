"""PostgreSQL, over a pool of psycopg's connections."""

import select
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection, Connection, OperationalError
from psycopg.errors import FeatureNotSupported
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from database.clients.base import CoroutineClient, Result
from database.clients.postgres_connection import PatientConnection
from database.errors import Unavailable
from database.resilience.postgres import ENGINE, classify
from database.settings.postgres import PostgresSettings
from database.settings.resilience import ResilienceSettings
from database.telemetry import Telemetry

# How long the pool goes on by itself when a connection fails; after that, who asks for one makes it try again.
RECONNECT_SECONDS = 0.5


class PostgresClient(CoroutineClient[AsyncConnection]):
    """A pool of connections in autocommit: each statement by itself, several together in a `transaction`."""

    engine = ENGINE

    def __init__(
        self,
        settings: PostgresSettings,
        *,
        resilience: ResilienceSettings | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        super().__init__(
            classify, secrets=[settings.password, settings.url], resilience=resilience, telemetry=telemetry
        )
        self._settings = settings
        self._pool: AsyncConnectionPool | None = None

    @property
    def client(self) -> AsyncConnectionPool:
        """Return psycopg's pool; Unavailable before the client is open."""
        if self._pool is None:
            raise Unavailable("it is not open", ENGINE, "client", "await open() first")
        return self._pool

    @asynccontextmanager
    async def transaction(self, operation: str = "transaction") -> AsyncIterator[AsyncConnection]:
        """Provide a connection in a transaction, committed at the end and rolled back by an exception."""
        failed: BaseException | None = None
        finish = self._telemetry.started(self.engine, operation)
        self._begin()
        try:
            if self._breaker.troubled:
                await self._admit(operation)
            await self._open()
            pool = self.client
            connection = await self._take(pool)
            try:
                async with connection.transaction():
                    yield connection
            finally:
                await pool.putconn(connection)
        except OSError as caught:
            # psycopg raises none: it is of what else was done meanwhile, as a timeout of the caller's own.
            failed = caught
            raise
        except Exception as caught:  # noqa: BLE001 - raised again by its name
            failed = caught
            failed = self._outcome.counted(caught, operation)
            raise failed from failed.__cause__
        except BaseException as caught:
            failed = caught
            raise
        else:
            if self._breaker.troubled:
                self._breaker.succeeded()
        finally:
            self._end()
            finish(failed)

    def pool(self) -> Mapping[str, int]:
        """Return the pool's use."""
        return usage(self._pool.get_stats() if self._pool else {}, self._settings.pool_maximum)

    async def _connect(self) -> None:
        # A pool would say of every error that it took too long.
        await self._try()
        settings = self._settings
        pool = AsyncConnectionPool(
            kwargs={**settings.connection(), "autocommit": True},
            connection_class=PatientConnection.lasting(settings.timeout),
            min_size=settings.pool_minimum,
            max_size=settings.pool_maximum,
            timeout=settings.pool_timeout,
            reconnect_timeout=RECONNECT_SECONDS,
            open=False,
            name=ENGINE,
        )
        await pool.open()
        self._pool = pool

    async def _disconnect(self) -> None:
        pool, self._pool = self.client, None
        await pool.close()

    async def _try(self) -> None:
        """Make a connection past the pool, to see how that goes."""
        connection = await AsyncConnection.connect(**self._settings.connection())
        await connection.close()

    async def _recover(self) -> None:
        await self._try()

    async def _ask(self) -> None:
        pool = self.pool()
        # Where every connection is in use, the server may be well all the same.
        if pool["in_use"] >= pool["maximum"]:
            await self._try()
        else:
            await self._call(_select)

    async def _call(self, function: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
        pool = self.client
        connection = await self._take(pool)
        try:
            return await function(connection)
        except FeatureNotSupported:
            # As of what was prepared before a migration: on this connection it would fail for as long as that lasts.
            await connection.close()
            raise
        finally:
            await pool.putconn(connection)

    async def _take(self, pool: AsyncConnectionPool) -> AsyncConnection:
        """Return a connection that the server has not closed; PoolTimeout when every one was in use for too long."""
        try:
            connection = await pool.getconn()
            while is_closed(connection):
                await connection.close()
                await pool.putconn(connection)
                # Where nobody lets one in, the pool would wait for a connection until the end of its patience.
                await self._try()
                connection = await pool.getconn()
        except PoolTimeout:
            if pool.get_stats()["pool_size"] < pool.max_size:
                # It could have grown: the server lets nobody in, and says why.
                await self._try()
            raise
        return connection


async def _select(connection: AsyncConnection) -> None:
    await connection.execute("SELECT 1")


def is_closed(connection: "AsyncConnection | Connection") -> bool:
    """Whether the server has ended an idle connection, without asking it: there is something to read, which is the end."""
    try:
        descriptor = connection.fileno()
    except OperationalError:
        return True
    if not hasattr(select, "poll"):
        return False
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(0))


def usage(stats: Mapping[str, Any], maximum: int) -> dict[str, int]:
    """Return a pool's use, from its statistics."""
    size = int(stats.get("pool_size", 0))
    return {
        "maximum": maximum,
        "in_use": size - int(stats.get("pool_available", 0)),
        "waiting": int(stats.get("requests_waiting", 0)),
    }

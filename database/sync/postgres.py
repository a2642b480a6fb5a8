"""PostgreSQL for threads, over a pool of psycopg's connections."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from psycopg import Connection
from psycopg.errors import FeatureNotSupported
from psycopg_pool import ConnectionPool, PoolTimeout

from database.clients.postgres import RECONNECT_SECONDS, is_closed, usage
from database.clients.postgres_connection import SyncPatientConnection
from database.errors import Unavailable
from database.resilience.postgres import ENGINE, classify
from database.settings.postgres import PostgresSettings
from database.settings.resilience import ResilienceSettings
from database.sync.base import Result, SyncHandleClient
from database.telemetry import Telemetry


class SyncPostgresClient(SyncHandleClient[Connection]):
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
        self._pool: ConnectionPool | None = None

    @property
    def client(self) -> ConnectionPool:
        """Return psycopg's pool; Unavailable before the client is open."""
        if self._pool is None:
            raise Unavailable("it is not open", ENGINE, "client", "open() first")
        return self._pool

    @contextmanager
    def transaction(self, operation: str = "transaction") -> Iterator[Connection]:
        """Provide a connection in a transaction, committed at the end and rolled back by an exception."""
        failed: BaseException | None = None
        finish = self._telemetry.started(self.engine, operation)
        self._begin()
        try:
            if self._breaker.troubled:
                self._admit(operation)
            self._open()
            pool = self.client
            connection = self._take(pool)
            try:
                with connection.transaction():
                    yield connection
            finally:
                pool.putconn(connection)
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

    def _connect(self) -> None:
        # A pool would say of every error that it took too long.
        self._try()
        settings = self._settings
        pool = ConnectionPool(
            kwargs={**settings.connection(), "autocommit": True},
            connection_class=SyncPatientConnection.lasting(settings.timeout),
            min_size=settings.pool_minimum,
            max_size=settings.pool_maximum,
            timeout=settings.pool_timeout,
            reconnect_timeout=RECONNECT_SECONDS,
            open=False,
            name=ENGINE,
        )
        pool.open()
        self._pool = pool

    def _disconnect(self) -> None:
        pool, self._pool = self.client, None
        pool.close()

    def _try(self) -> None:
        """Make a connection past the pool, to see how that goes."""
        connection = Connection.connect(**self._settings.connection())
        connection.close()

    def _recover(self) -> None:
        self._try()

    def _ask(self) -> None:
        pool = self.pool()
        # Where every connection is in use, the server may be well all the same.
        if pool["in_use"] >= pool["maximum"]:
            self._try()
        else:
            self._call(_select)

    def _call(self, function: Callable[[Connection], Result]) -> Result:
        pool = self.client
        connection = self._take(pool)
        try:
            return function(connection)
        except FeatureNotSupported:
            # As of what was prepared before a migration: on this connection it would fail for as long as that lasts.
            connection.close()
            raise
        finally:
            pool.putconn(connection)

    def _take(self, pool: ConnectionPool) -> Connection:
        """Return a connection that the server has not closed; PoolTimeout when every one was in use for too long."""
        try:
            connection = pool.getconn()
            while is_closed(connection):
                connection.close()
                pool.putconn(connection)
                # Where nobody lets one in, the pool would wait for a connection until the end of its patience.
                self._try()
                connection = pool.getconn()
        except PoolTimeout:
            if pool.get_stats()["pool_size"] < pool.max_size:
                # It could have grown: the server lets nobody in, and says why.
                self._try()
            raise
        return connection


def _select(connection: Connection) -> None:
    connection.execute("SELECT 1")

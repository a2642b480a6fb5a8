"""Redis for threads, over a pool of redis-py's connections."""

from collections.abc import Callable, Mapping
from typing import Any

from redis import BlockingConnectionPool, Redis, SSLConnection
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnectionError
from redis.retry import Retry

from database.clients.redis import options, usage
from database.errors import Unavailable
from database.resilience.redis import ENGINE, classify
from database.settings.redis import RedisSettings
from database.settings.resilience import ResilienceSettings
from database.sync.base import Result, SyncHandleClient
from database.telemetry import Telemetry


class SyncRedisClient(SyncHandleClient[Redis]):
    """A pool of connections; who finds none waits for one."""

    engine = ENGINE

    def __init__(
        self,
        settings: RedisSettings,
        *,
        resilience: ResilienceSettings | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        super().__init__(
            classify, secrets=[settings.password, settings.url], resilience=resilience, telemetry=telemetry
        )
        self._settings = settings
        self._redis: Redis | None = None

    @property
    def client(self) -> Redis:
        """Return redis-py's client; Unavailable before the client is open."""
        if self._redis is None:
            raise Unavailable("it is not open", ENGINE, "client", "open() first")
        return self._redis

    def pool(self) -> Mapping[str, int]:
        """Return how many connections there may be, and are in use."""
        return usage(self._redis.connection_pool if self._redis else None, self._settings.pool_maximum)

    def _connect(self) -> None:
        redis = self._made(self._settings.pool_maximum)
        try:
            redis.ping()
        except BaseException:
            _close(redis)
            raise
        self._redis = redis

    def _made(self, maximum: int) -> Redis:
        secure: dict[str, Any] = {"connection_class": SSLConnection} if self._settings.secure else {}
        given = {**options(self._settings), **secure, "max_connections": maximum}
        make: Any = BlockingConnectionPool
        return Redis(connection_pool=make(**given, retry=Retry(NoBackoff(), 0)))

    def _disconnect(self) -> None:
        redis, self._redis = self.client, None
        _close(redis)

    def _recover(self) -> None:
        # Those that lie in the pool have lost their server as well, and would each fail once.
        self.client.connection_pool.disconnect(inuse_connections=False)

    def _repair(self, caught: BaseException) -> bool:
        if isinstance(caught, LostConnectionError) and self._redis is not None:
            self._recover()
        return False

    def _ask(self) -> None:
        pool = self.pool()
        if pool.get("in_use", 0) < pool["maximum"]:
            self.client.ping()
            return
        # Where every connection is in use, the server may be well all the same.
        apart = self._made(1)
        try:
            apart.ping()
        finally:
            _close(apart)

    def _call(self, function: Callable[[Redis], Result]) -> Result:
        return function(self.client)


def _close(redis: Redis) -> None:
    redis.close()
    # A pool that was given to a client is not closed with it.
    redis.connection_pool.disconnect()

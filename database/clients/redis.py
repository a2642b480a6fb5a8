"""Redis, over a pool of redis-py's connections."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from redis.asyncio import Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnectionError

from database.clients.base import CoroutineClient, Result
from database.clients.redis_pool import WaitingPool
from database.errors import Unavailable
from database.resilience.redis import ENGINE, classify
from database.settings.redis import RedisSettings
from database.settings.resilience import ResilienceSettings
from database.telemetry import Telemetry


class RedisClient(CoroutineClient[Redis]):
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
            raise Unavailable("it is not open", ENGINE, "client", "await open() first")
        return self._redis

    def pool(self) -> Mapping[str, int]:
        """Return how many connections there may be, are in use, and are waited for."""
        return usage(self._redis.connection_pool if self._redis else None, self._settings.pool_maximum)

    async def _connect(self) -> None:
        redis = self._made(self._settings.pool_maximum)
        try:
            await redis.ping()
        except BaseException:
            await redis.aclose(close_connection_pool=True)
            raise
        self._redis = redis

    def _made(self, maximum: int) -> Redis:
        secure: dict[str, Any] = {"connection_class": SSLConnection} if self._settings.secure else {}
        given = {**options(self._settings), **secure, "max_connections": maximum}
        return Redis(connection_pool=WaitingPool(**given, retry=Retry(NoBackoff(), 0)))

    async def _disconnect(self) -> None:
        redis, self._redis = self.client, None
        await redis.aclose(close_connection_pool=True)

    async def _recover(self) -> None:
        # Those that lie in the pool have lost their server as well, and would each fail once.
        await self.client.connection_pool.disconnect(inuse_connections=False)

    async def _repair(self, caught: BaseException) -> bool:
        if isinstance(caught, LostConnectionError) and self._redis is not None:
            await self._recover()
        return False

    async def _ask(self) -> None:
        if self.client.connection_pool.can_get_connection():
            await self.client.ping()
            return
        # Where every connection is in use, the server may be well all the same.
        apart = self._made(1)
        try:
            await apart.ping()
        finally:
            await apart.aclose(close_connection_pool=True)

    def _call(self, function: Callable[[Redis], Awaitable[Result]]) -> Awaitable[Result]:
        return function(self.client)


def options(settings: RedisSettings) -> dict[str, Any]:
    """Return the pool's parameters; the client's own retries are off."""
    return {
        "host": settings.host,
        "port": settings.port,
        "db": settings.database,
        "username": settings.user,
        "password": settings.password.get_secret_value() if settings.password else None,
        "max_connections": settings.pool_maximum,
        "timeout": settings.pool_timeout,
        "socket_timeout": settings.timeout,
        "socket_connect_timeout": settings.connect_timeout,
        "socket_keepalive": True,
        **({"ssl_ca_certs": str(settings.ca_certificate)} if settings.secure and settings.ca_certificate else {}),
    }


def usage(pool: Any, maximum: int) -> dict[str, int]:
    """Return a pool's use, as far as this version of redis-py tells."""
    tell, waiting = getattr(pool, "get_connection_count", None), getattr(pool, "waiting", None)
    return {
        "maximum": maximum,
        **({"in_use": int(tell()[1][0])} if tell else {}),
        **({} if waiting is None else {"waiting": waiting}),
    }

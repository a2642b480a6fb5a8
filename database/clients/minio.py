"""MinIO and other servers that speak S3, over MinIO's client, in threads."""

from collections.abc import Callable, Mapping
from typing import Any

import urllib3
from minio import Minio

from database.clients.base import EngineClient, Result
from database.clients.threads import Threads
from database.errors import Unavailable
from database.resilience.minio import ENGINE, classify
from database.settings.minio import MinioSettings
from database.settings.resilience import ResilienceSettings
from database.telemetry import Telemetry


class StorageClient(EngineClient):
    """Buckets and objects; as many calls at a time as there are connections."""

    engine = ENGINE

    def __init__(
        self,
        settings: MinioSettings,
        *,
        resilience: ResilienceSettings | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        super().__init__(
            classify, secrets=[settings.secret_key, settings.url], resilience=resilience, telemetry=telemetry
        )
        self._settings = settings
        self._threads: Threads | None = None
        self._pool: urllib3.PoolManager | None = None
        self._minio: Minio | None = None

    @property
    def client(self) -> Minio:
        """Return MinIO's client, which blocks; Unavailable before the client is open."""
        if self._minio is None:
            raise Unavailable("it is not open", ENGINE, "client", "await open() first")
        return self._minio

    async def run(self, operation: str, function: Callable[[Minio], Result], *, repeatable: bool = False) -> Result:
        """Return what a function returns that is given MinIO's client, in a thread; a DatabaseError names `operation`.

        Only what is `repeatable` is tried again after an error that may be gone a moment later.
        """
        return await self._execute(
            operation, lambda: self._running.call(lambda: function(self.client)), repeatable=repeatable
        )

    def pool(self) -> Mapping[str, int]:
        """Return how many connections there may be, and are in use."""
        return self._threads.usage() if self._threads else {}

    @property
    def _running(self) -> Threads:
        assert self._threads is not None
        return self._threads

    async def _connect(self) -> None:
        settings = self._settings
        threads = Threads(
            ENGINE, maximum=settings.pool_maximum, seconds=settings.pool_timeout, setting="MINIO_POOL_MAX"
        )
        pool = connections(settings)
        minio = Minio(**options(settings), http_client=pool)
        try:
            await threads.call(lambda: ask(minio))
        except BaseException:
            threads.close()
            pool.clear()
            raise
        self._threads, self._pool, self._minio = threads, pool, minio

    async def _disconnect(self) -> None:
        self._running.close()
        if self._pool is not None:
            self._pool.clear()
        self._threads = self._pool = self._minio = None

    async def _ask(self) -> None:
        await self._running.beside(lambda: ask(self.client))


def ask(minio: Minio) -> None:
    """Ask for a sign of life: the buckets, which the server lists to nobody whose key it does not know."""
    minio.list_buckets()


def connections(settings: MinioSettings) -> urllib3.PoolManager:
    """Return connections with timeouts, and without tries of their own."""
    return urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=settings.connect_timeout, read=settings.timeout),
        maxsize=settings.pool_maximum,
        retries=urllib3.Retry(total=0, raise_on_status=False),
        cert_reqs="CERT_REQUIRED",
        ca_certs=str(settings.ca_certificate) if settings.secure and settings.ca_certificate else None,
    )


def options(settings: MinioSettings) -> dict[str, Any]:
    """Return the client's parameters."""
    return {
        "endpoint": settings.address(),
        "access_key": settings.access_key,
        "secret_key": settings.secret_key.get_secret_value() if settings.secret_key else None,
        "secure": settings.secure,
        "region": settings.region,
    }

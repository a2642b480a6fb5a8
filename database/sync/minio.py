"""MinIO and other servers that speak S3 for threads, over MinIO's client."""

from collections.abc import Callable, Mapping

import urllib3
from minio import Minio

from database.clients.minio import ask, connections, options
from database.errors import Unavailable
from database.resilience.minio import ENGINE, classify
from database.settings.minio import MinioSettings
from database.settings.resilience import ResilienceSettings
from database.sync.base import Result, SyncHandleClient
from database.sync.slots import SyncSlots
from database.telemetry import Telemetry


class SyncStorageClient(SyncHandleClient[Minio]):
    """Buckets and objects, over connections that are kept; who finds none waits for one."""

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
        # The client's own pool makes ever more connections.
        self._slots = SyncSlots(maximum=settings.pool_maximum, seconds=settings.pool_timeout, setting="MINIO_POOL_MAX")
        self._pool: urllib3.PoolManager | None = None
        self._minio: Minio | None = None

    @property
    def client(self) -> Minio:
        """Return MinIO's client; Unavailable before the client is open."""
        if self._minio is None:
            raise Unavailable("it is not open", ENGINE, "client", "open() first")
        return self._minio

    def pool(self) -> Mapping[str, int]:
        """Return how many connections there may be, are in use, and are waited for."""
        return self._slots.usage()

    def _connect(self) -> None:
        pool = connections(self._settings)
        minio = Minio(**options(self._settings), http_client=pool)
        try:
            ask(minio)
        except BaseException:
            pool.clear()
            raise
        self._pool, self._minio = pool, minio

    def _disconnect(self) -> None:
        if self._pool is not None:
            self._pool.clear()
        self._pool = self._minio = None

    def _ask(self) -> None:
        ask(self.client)

    def _call(self, function: Callable[[Minio], Result]) -> Result:
        with self._slots.taken():
            return function(self.client)

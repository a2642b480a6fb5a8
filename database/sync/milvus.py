"""Milvus for threads, over pymilvus' client."""

import threading
from collections.abc import Callable

import pymilvus
from grpc import RpcError
from pymilvus import MilvusException

from database.clients.milvus import once, options
from database.errors import DatabaseError, Unavailable
from database.resilience.milvus import ENGINE, classify, is_not_loaded
from database.settings.milvus import MilvusSettings
from database.settings.resilience import ResilienceSettings
from database.sync.base import Result, SyncHandleClient
from database.sync.milvus_deadline import limit
from database.telemetry import Telemetry


class SyncMilvusClient(SyncHandleClient[pymilvus.MilvusClient]):
    """One channel for everybody; a collection that is not in memory, as after a restart, is loaded and asked again.

    A request that has no `timeout` of its own has that of the settings.
    """

    engine = ENGINE

    def __init__(
        self,
        settings: MilvusSettings,
        *,
        resilience: ResilienceSettings | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        super().__init__(
            classify, secrets=[settings.password, settings.url], resilience=resilience, telemetry=telemetry
        )
        self._settings = settings
        self._loading = threading.Lock()
        self._repairing = threading.Lock()
        self._repairs, self._is_repaired = 0, False
        self._milvus: pymilvus.MilvusClient | None = None

    @property
    def client(self) -> pymilvus.MilvusClient:
        """Return pymilvus' client, another one after a reconnect; Unavailable before the client is open."""
        if self._milvus is None:
            raise Unavailable("it is not open", ENGINE, "client", "open() first")
        return self._milvus

    def load(self, *names: str) -> None:
        """Have collections in memory, all of them without names, and wait until they are."""
        client = self.client
        with self._loading:
            for name in names or client.list_collections(timeout=self._settings.timeout):
                client.load_collection(name, timeout=self._settings.load_timeout)

    def _connect(self) -> None:
        client = pymilvus.MilvusClient(**options(self._settings), timeout=self._settings.connect_timeout)
        once(client)
        limit(client, self._settings.timeout)
        self._milvus = client

    def _disconnect(self) -> None:
        client, self._milvus = self.client, None
        client.close()

    def _recover(self) -> None:
        # A channel that was refused waits ever longer before it tries again; a new one does not.
        with self._opening:
            if not self._is_open:
                return
            self._is_open = False
            client, self._milvus = self.client, None
        # Whoever is using it still would fail with it.
        retiring = threading.Timer(max(self._settings.timeout, self._settings.load_timeout), client.close)
        retiring.daemon = True
        retiring.start()

    def _ask(self) -> None:
        self.client.list_collections(timeout=self._resilience.probe_timeout)

    def _repair(self, caught: BaseException) -> bool:
        if not is_not_loaded(caught):
            return False
        repairs = self._repairs
        with self._repairing:
            # Those who have failed while one was loading have waited for that one.
            if self._repairs == repairs:
                self._is_repaired = self._loads()
                self._repairs += 1
            return self._is_repaired

    def _loads(self) -> bool:
        try:
            self.load()
        except (MilvusException, RpcError, DatabaseError):
            return False
        return True

    def _call(self, function: Callable[[pymilvus.MilvusClient], Result]) -> Result:
        return function(self.client)

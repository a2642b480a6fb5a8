"""Milvus, over pymilvus' client for asyncio."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from grpc import RpcError
from pymilvus import AsyncMilvusClient, MilvusException

from database.clients.base import CoroutineClient, Result
from database.errors import DatabaseError, Unavailable
from database.resilience.milvus import ENGINE, classify, is_not_loaded
from database.settings.milvus import MilvusSettings
from database.settings.resilience import ResilienceSettings
from database.telemetry import Telemetry


class MilvusClient(CoroutineClient[AsyncMilvusClient]):
    """One channel for everybody; a collection that is not in memory, as after a restart, is loaded and asked again."""

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
        self._loading = asyncio.Lock()
        self._repairing: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._milvus: AsyncMilvusClient | None = None

    @property
    def client(self) -> AsyncMilvusClient:
        """Return pymilvus' client, another one after a reconnect; Unavailable before the client is open."""
        if self._milvus is None:
            raise Unavailable("it is not open", ENGINE, "client", "await open() first")
        return self._milvus

    async def load(self, *names: str) -> None:
        """Have collections in memory, all of them without names, and wait until they are."""
        client = self.client
        async with self._loading:
            for name in names or await client.list_collections():
                await client.load_collection(name, timeout=self._settings.load_timeout)

    async def _connect(self) -> None:
        client = AsyncMilvusClient(**options(self._settings), timeout=self._settings.connect_timeout)
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                await client.list_collections()
        except BaseException:
            with suppress(Exception):
                await client.close()
            raise
        once(client)
        self._milvus = client

    async def _disconnect(self) -> None:
        client, self._milvus = self.client, None
        await client.close()

    async def _recover(self) -> None:
        # A channel that was refused waits ever longer before it tries again; a new one does not.
        async with self._opening:
            if not self._is_open:
                return
            self._is_open = False
            client, self._milvus = self.client, None
            retiring = asyncio.create_task(_retire(client, max(self._settings.timeout, self._settings.load_timeout)))
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)

    async def _ask(self) -> None:
        await self.client.list_collections()

    async def _repair(self, caught: BaseException) -> bool:
        if not is_not_loaded(caught):
            return False
        # Those who fail while one is loading wait for that one.
        if self._repairing is None or self._repairing.done():
            self._repairing = asyncio.create_task(self.load())
        try:
            await asyncio.shield(self._repairing)
        except (MilvusException, RpcError, DatabaseError, TimeoutError):
            return False
        return True

    async def _call(self, function: Callable[[AsyncMilvusClient], Awaitable[Result]]) -> Result:
        async with asyncio.timeout(self._settings.timeout):
            return await function(self.client)


async def _retire(client: AsyncMilvusClient, seconds: float) -> None:
    """Close a client when nobody can be using it any more: whoever did would be cancelled with it."""
    try:
        await asyncio.sleep(seconds)
    finally:
        with suppress(Exception):
            await client.close()


def options(settings: MilvusSettings) -> dict[str, Any]:
    """Return the client's parameters; it shares its channel with nobody, for a shared one keeps its first credentials."""
    return {
        "uri": settings.address(),
        "user": settings.user,
        "password": settings.password.get_secret_value() if settings.password else "",
        "db_name": settings.database,
        **({"server_pem_path": str(settings.ca_certificate)} if settings.secure and settings.ca_certificate else {}),
        "dedicated": True,
    }


def once(client: Any) -> None:
    """Keep pymilvus from sending again by itself what has failed: it does so up to 75 times, also what must not be repeated."""
    handler = getattr(client, "_handler", None)
    tell = getattr(handler, "_on_rpc_error", None)
    if handler is None or tell is None:
        return
    if asyncio.iscoroutinefunction(tell):

        async def give_up(error: Exception) -> bool:
            raise error
    else:

        def give_up(error: Exception) -> bool:  # type: ignore[misc]
            raise error

    handler._on_rpc_error = give_up

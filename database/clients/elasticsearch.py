"""Elasticsearch, over its own client."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from elastic_transport import AiohttpHttpNode
from elasticsearch import AsyncElasticsearch

from database.clients.base import CoroutineClient, Result
from database.clients.slots import Slots
from database.errors import Unavailable
from database.resilience.elasticsearch import ENGINE, classify
from database.settings.elasticsearch import ElasticsearchSettings
from database.settings.resilience import ResilienceSettings
from database.telemetry import Telemetry


class OnceNode(AiohttpHttpNode):
    """A server asked over aiohttp, which by itself sends a PUT or DELETE again that was cut: also what must not be repeated."""

    def _create_aiohttp_session(self) -> None:
        super()._create_aiohttp_session()
        assert self.session is not None
        self.session._retry_connection = False


class ElasticsearchClient(CoroutineClient[AsyncElasticsearch]):
    """A server, a user, and connections that are kept; who finds none waits for one."""

    engine = ENGINE

    def __init__(
        self,
        settings: ElasticsearchSettings,
        *,
        resilience: ResilienceSettings | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        super().__init__(
            classify, secrets=[settings.password, settings.url], resilience=resilience, telemetry=telemetry
        )
        self._settings = settings
        # The client's own pool counts the waiting for a connection as the server's.
        self._slots = Slots(
            maximum=settings.pool_maximum, seconds=settings.pool_timeout, setting="ELASTICSEARCH_POOL_MAX"
        )
        self._elasticsearch: AsyncElasticsearch | None = None

    @property
    def client(self) -> AsyncElasticsearch:
        """Return Elasticsearch's client; Unavailable before the client is open."""
        if self._elasticsearch is None:
            raise Unavailable("it is not open", ENGINE, "client", "await open() first")
        return self._elasticsearch

    def pool(self) -> Mapping[str, int]:
        """Return how many connections there may be, are in use, and are waited for."""
        return self._slots.usage()

    async def _connect(self) -> None:
        elasticsearch = AsyncElasticsearch(**options(self._settings), node_class=OnceNode)
        try:
            await elasticsearch.info()
        except BaseException:
            await elasticsearch.close()
            raise
        self._elasticsearch = elasticsearch

    async def _disconnect(self) -> None:
        elasticsearch, self._elasticsearch = self.client, None
        await elasticsearch.close()

    async def _ask(self) -> None:
        await self.client.info()

    async def _call(self, function: Callable[[AsyncElasticsearch], Awaitable[Result]]) -> Result:
        await self._slots.take()
        try:
            return await function(self.client)
        finally:
            self._slots.give_back()


def options(settings: ElasticsearchSettings) -> dict[str, Any]:
    """Return the client's parameters; its own retries are off."""
    password = settings.password.get_secret_value() if settings.password else ""
    return {
        "hosts": settings.address(),
        "basic_auth": (settings.user, password) if settings.user else None,
        **({"ca_certs": str(settings.ca_certificate)} if settings.secure and settings.ca_certificate else {}),
        "request_timeout": settings.timeout,
        # One more than may be in use, for the question how the server is.
        "connections_per_node": settings.pool_maximum + 1,
        "max_retries": 0,
        "retry_on_timeout": False,
    }

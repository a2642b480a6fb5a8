"""Elasticsearch for threads, over its own client."""

from collections.abc import Callable, Mapping

from elasticsearch import Elasticsearch

from database.clients.elasticsearch import options
from database.errors import Unavailable
from database.resilience.elasticsearch import ENGINE, classify
from database.settings.elasticsearch import ElasticsearchSettings
from database.settings.resilience import ResilienceSettings
from database.sync.base import Result, SyncHandleClient
from database.sync.slots import SyncSlots
from database.telemetry import Telemetry


class SyncElasticsearchClient(SyncHandleClient[Elasticsearch]):
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
        # The client's own pool waits without end.
        self._slots = SyncSlots(
            maximum=settings.pool_maximum, seconds=settings.pool_timeout, setting="ELASTICSEARCH_POOL_MAX"
        )
        self._elasticsearch: Elasticsearch | None = None

    @property
    def client(self) -> Elasticsearch:
        """Return Elasticsearch's client; Unavailable before the client is open."""
        if self._elasticsearch is None:
            raise Unavailable("it is not open", ENGINE, "client", "open() first")
        return self._elasticsearch

    def pool(self) -> Mapping[str, int]:
        """Return how many connections there may be, are in use, and are waited for."""
        return self._slots.usage()

    def _connect(self) -> None:
        elasticsearch = Elasticsearch(**options(self._settings))
        try:
            elasticsearch.info()
        except BaseException:
            elasticsearch.close()
            raise
        self._elasticsearch = elasticsearch

    def _disconnect(self) -> None:
        elasticsearch, self._elasticsearch = self.client, None
        elasticsearch.close()

    def _ask(self) -> None:
        self.client.info()

    def _call(self, function: Callable[[Elasticsearch], Result]) -> Result:
        with self._slots.taken():
            return function(self.client)

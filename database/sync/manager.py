"""The one entry for threads: every engine's client, made from the settings, connected when it is first asked."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from database.errors import DatabaseError
from database.health import DatabaseHealth, EngineHealth
from database.manager import ENGINES, enabled, library, settings_of, telemetry_of
from database.settings import DatabaseSettings
from database.telemetry import Telemetry

if TYPE_CHECKING:
    from database.sync.base import SyncEngineClient
    from database.sync.duckdb import SyncDuckDBClient
    from database.sync.elasticsearch import SyncElasticsearchClient
    from database.sync.milvus import SyncMilvusClient
    from database.sync.minio import SyncStorageClient
    from database.sync.postgres import SyncPostgresClient
    from database.sync.redis import SyncRedisClient

Client = TypeVar("Client", bound="SyncEngineClient")
Result = TypeVar("Result")


class SyncDatabaseManager:
    """Every engine of a stack. An engine that is turned off is absent: asking for its client raises EngineDisabled.

    An engine's library is imported when its client is made: who does without the engine does without the library.
    """

    def __init__(self, settings: DatabaseSettings, *, telemetry: Telemetry | None = None) -> None:
        self.settings = settings
        self._telemetry = telemetry or telemetry_of(settings)
        self._clients: dict[str, SyncEngineClient] = {}
        self._making = threading.Lock()

    @classmethod
    def from_env(cls, env_file: str | Path | None = ".env") -> Self:
        """Read the process' environment, and the file for what that does not set; ConfigurationInvalid names what is wrong."""
        return cls(DatabaseSettings.from_env(env_file))

    @classmethod
    def from_stack(cls, stack: str, *, directory: str | Path = ".", form: str = "host") -> Self:
        """Read a stack's outputs with Pulumi in its project's directory; `form` is `host` or, in a container, `network`."""
        return cls(DatabaseSettings.from_stack(stack, directory=directory, form=form))

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            # Nobody else closes what is open by then.
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> Mapping[str, DatabaseError]:
        """Connect every enabled engine, all at the same time; return what kept some from it, by engine.

        One that is down keeps nobody from the others: it is tried again when it is asked.
        """
        failures = self._together(self._open, self.enabled)
        return {error.engine: error for error in failures if error is not None}

    def close(self) -> None:
        """Close every client, all at the same time."""
        self._together(lambda engine: self._clients[engine].close(), tuple(self._clients))

    def health(self) -> DatabaseHealth:
        """Ask every engine at the same time, and tell how they are; raises nothing."""
        return DatabaseHealth(self._together(self._health, ENGINES))

    @property
    def enabled(self) -> tuple[str, ...]:
        """Return the names of the engines that are turned on."""
        return enabled(self.settings)

    def __iter__(self) -> "Iterator[SyncEngineClient]":
        """Go through the clients of the engines that are turned on."""
        return (self._client(engine) for engine in self.enabled)

    @cached_property
    def postgres(self) -> "SyncPostgresClient":
        """Return PostgreSQL's client."""
        with library(self.settings, "postgres"):
            from database.sync.postgres import SyncPostgresClient

        return self._made(SyncPostgresClient)

    @cached_property
    def redis(self) -> "SyncRedisClient":
        """Return Redis' client."""
        with library(self.settings, "redis"):
            from database.sync.redis import SyncRedisClient

        return self._made(SyncRedisClient)

    @cached_property
    def elasticsearch(self) -> "SyncElasticsearchClient":
        """Return Elasticsearch's client."""
        with library(self.settings, "elasticsearch"):
            from database.sync.elasticsearch import SyncElasticsearchClient

        return self._made(SyncElasticsearchClient)

    @cached_property
    def milvus(self) -> "SyncMilvusClient":
        """Return Milvus' client."""
        with library(self.settings, "milvus"):
            from database.sync.milvus import SyncMilvusClient

        return self._made(SyncMilvusClient)

    @cached_property
    def duckdb(self) -> "SyncDuckDBClient":
        """Return DuckDB's client."""
        with library(self.settings, "duckdb"):
            from database.sync.duckdb import SyncDuckDBClient

        return self._made(SyncDuckDBClient)

    @cached_property
    def minio(self) -> "SyncStorageClient":
        """Return the client of MinIO, or of what takes its place."""
        with library(self.settings, "minio"):
            from database.sync.minio import SyncStorageClient

        return self._made(SyncStorageClient)

    @staticmethod
    def _together(function: Callable[[str], Result], engines: Sequence[str]) -> list[Result]:
        """Return what a function returns for each engine, asked at the same time."""
        with ThreadPoolExecutor(max_workers=len(ENGINES)) as pool:
            return list(pool.map(function, engines))

    def _made(self, kind: type[Client]) -> Client:
        """Return the one client of a kind; EngineDisabled if its engine is turned off."""
        engine = kind.engine
        settings = settings_of(self.settings, engine)
        with self._making:
            if engine not in self._clients:
                make: Any = kind
                self._clients[engine] = make(settings, resilience=self.settings.resilience, telemetry=self._telemetry)
            found = self._clients[engine]
        assert isinstance(found, kind)
        return found

    def _client(self, engine: str) -> "SyncEngineClient":
        client: SyncEngineClient = getattr(self, engine)
        return client

    def _open(self, engine: str) -> DatabaseError | None:
        try:
            self._client(engine).open()
        except DatabaseError as error:
            self._telemetry.failed_to_open(error)
            return error
        return None

    def _health(self, engine: str) -> EngineHealth:
        if engine not in self.enabled:
            return EngineHealth(engine=engine, status="disabled")
        try:
            return self._client(engine).health()
        except DatabaseError as error:
            return EngineHealth(engine=engine, status="down", error=str(error))

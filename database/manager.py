"""The one entry: every engine's client, made from the settings, connected when it is first asked."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from database.errors import ConfigurationInvalid, DatabaseError, EngineDisabled
from database.health import DatabaseHealth, EngineHealth
from database.settings import DatabaseSettings
from database.telemetry import Telemetry

if TYPE_CHECKING:
    from database.clients.base import EngineClient
    from database.clients.duckdb import DuckDBClient
    from database.clients.elasticsearch import ElasticsearchClient
    from database.clients.milvus import MilvusClient
    from database.clients.minio import StorageClient
    from database.clients.postgres import PostgresClient
    from database.clients.redis import RedisClient

Client = TypeVar("Client", bound="EngineClient")
ENGINES = ("postgres", "redis", "elasticsearch", "milvus", "duckdb", "minio")


class DatabaseManager:
    """Every engine of a stack. An engine that is turned off is absent: asking for its client raises EngineDisabled.

    An engine's library is imported when its client is made: who does without the engine does without the library.
    """

    def __init__(self, settings: DatabaseSettings, *, telemetry: Telemetry | None = None) -> None:
        self.settings = settings
        self._telemetry = telemetry or telemetry_of(settings)
        self._clients: dict[str, EngineClient] = {}

    @classmethod
    def from_env(cls, env_file: str | Path | None = ".env") -> Self:
        """Read the process' environment, and the file for what that does not set; ConfigurationInvalid names what is wrong."""
        return cls(DatabaseSettings.from_env(env_file))

    @classmethod
    def from_stack(cls, stack: str, *, directory: str | Path = ".", form: str = "host") -> Self:
        """Read a stack's outputs with Pulumi in its project's directory; `form` is `host` or, in a container, `network`."""
        return cls(DatabaseSettings.from_stack(stack, directory=directory, form=form))

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            # Nobody else closes what is open by then.
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> Mapping[str, DatabaseError]:
        """Connect every enabled engine, all at the same time; return what kept some from it, by engine.

        One that is down keeps nobody from the others: it is tried again when it is asked.
        """
        failures = await asyncio.gather(*(self._open(engine) for engine in self.enabled), return_exceptions=True)
        if unknown := [error for error in failures if error is not None and not isinstance(error, DatabaseError)]:
            raise unknown[0]
        return {error.engine: error for error in failures if isinstance(error, DatabaseError)}

    async def close(self) -> None:
        """Close every client, all at the same time."""
        await asyncio.gather(*(client.close() for client in self._forgotten()))

    async def health(self) -> DatabaseHealth:
        """Ask every engine at the same time, and tell how they are; raises nothing."""
        return DatabaseHealth(await asyncio.gather(*(self._health(engine) for engine in ENGINES)))

    @property
    def enabled(self) -> tuple[str, ...]:
        """Return the names of the engines that are turned on."""
        return enabled(self.settings)

    def __iter__(self) -> "Iterator[EngineClient]":
        """Go through the clients of the engines that are turned on."""
        return (self._client(engine) for engine in self.enabled)

    @cached_property
    def postgres(self) -> "PostgresClient":
        """Return PostgreSQL's client."""
        with library(self.settings, "postgres"):
            from database.clients.postgres import PostgresClient

        return self._made(PostgresClient)

    @cached_property
    def redis(self) -> "RedisClient":
        """Return Redis' client."""
        with library(self.settings, "redis"):
            from database.clients.redis import RedisClient

        return self._made(RedisClient)

    @cached_property
    def elasticsearch(self) -> "ElasticsearchClient":
        """Return Elasticsearch's client."""
        with library(self.settings, "elasticsearch"):
            from database.clients.elasticsearch import ElasticsearchClient

        return self._made(ElasticsearchClient)

    @cached_property
    def milvus(self) -> "MilvusClient":
        """Return Milvus' client."""
        with library(self.settings, "milvus"):
            from database.clients.milvus import MilvusClient

        return self._made(MilvusClient)

    @cached_property
    def duckdb(self) -> "DuckDBClient":
        """Return DuckDB's client."""
        with library(self.settings, "duckdb"):
            from database.clients.duckdb import DuckDBClient

        return self._made(DuckDBClient)

    @cached_property
    def minio(self) -> "StorageClient":
        """Return the client of MinIO, or of what takes its place."""
        with library(self.settings, "minio"):
            from database.clients.minio import StorageClient

        return self._made(StorageClient)

    def _made(self, kind: type[Client]) -> Client:
        """Return the one client of a kind; EngineDisabled if its engine is turned off."""
        engine = kind.engine
        settings = settings_of(self.settings, engine)
        if engine not in self._clients:
            make: Any = kind
            self._clients[engine] = make(settings, resilience=self.settings.resilience, telemetry=self._telemetry)
        found = self._clients[engine]
        assert isinstance(found, kind)
        return found

    def _forgotten(self) -> "list[EngineClient]":
        """Return the clients that there are; who asks for one from now on gets another."""
        clients, self._clients = self._clients, {}
        for engine in clients:
            self.__dict__.pop(engine, None)
        return list(clients.values())

    def _client(self, engine: str) -> "EngineClient":
        client: EngineClient = getattr(self, engine)
        return client

    async def _open(self, engine: str) -> DatabaseError | None:
        try:
            await self._client(engine).open()
        except DatabaseError as error:
            self._telemetry.failed_to_open(error)
            return error
        return None

    async def _health(self, engine: str) -> EngineHealth:
        if engine not in self.enabled:
            return EngineHealth(engine=engine, status="disabled")
        try:
            return await self._client(engine).health()
        except DatabaseError as error:
            return EngineHealth(engine=engine, status="down", error=str(error))


def telemetry_of(settings: DatabaseSettings) -> Telemetry:
    """Return what tells of the clients, as the settings have it."""
    return Telemetry() if settings.resilience.telemetry == "off" else Telemetry.found()


def enabled(settings: DatabaseSettings) -> tuple[str, ...]:
    """Return the names of the engines that are turned on."""
    return tuple(engine for engine in ENGINES if getattr(settings, engine).enabled)


def settings_of(settings: DatabaseSettings, engine: str) -> Any:
    """Return an engine's settings; EngineDisabled if it is turned off."""
    found = getattr(settings, engine)
    if not found.enabled:
        variable = f"ENABLE_{engine.upper()}"
        raise EngineDisabled(f"{variable} is false", engine, "connect", f"set {variable}=true, or do without it")
    return found


@contextmanager
def library(settings: DatabaseSettings, engine: str) -> Iterator[None]:
    """Import a client within; EngineDisabled if it is turned off, ConfigurationInvalid if its library is not installed."""
    settings_of(settings, engine)
    try:
        yield
    except ImportError as error:
        told = f"it is turned on, but the package {error.name} is not installed"
        fix = f"pip install .[client], or set ENABLE_{engine.upper()}=false"
        raise ConfigurationInvalid(told, engine, "connect", fix) from error

"""DuckDB, in threads: a file that is open only while it is used."""

from collections.abc import Callable, Mapping
from types import ModuleType

import duckdb
from duckdb import DuckDBPyConnection

from database.clients.base import EngineClient, Result
from database.clients.duckdb_file import DuckDBFile, select
from database.clients.threads import Threads
from database.resilience.duckdb import ENGINE, classify
from database.settings.duckdb import DuckDBSettings
from database.settings.resilience import ResilienceSettings
from database.telemetry import Telemetry

_THREADS = 4


class DuckDBClient(EngineClient):
    """One writer or many readers, in this process and in others, by the lease that migrations and backups take."""

    engine = ENGINE

    def __init__(
        self,
        settings: DuckDBSettings,
        *,
        resilience: ResilienceSettings | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        super().__init__(classify, resilience=resilience, telemetry=telemetry)
        self._settings = settings
        self._file = DuckDBFile(settings)
        self._threads: Threads | None = None

    @property
    def client(self) -> ModuleType:
        """Return duckdb itself; who connects with it takes no lease."""
        return duckdb

    async def run(
        self,
        operation: str,
        function: Callable[[DuckDBPyConnection], Result],
        *,
        repeatable: bool = False,
        writing: bool = False,
    ) -> Result:
        """Return what a function returns that is given a connection, in a thread; a DatabaseError names `operation`.

        Without `writing` the connection can only read; with it, the function is one transaction.
        """
        return await self._execute(
            operation,
            lambda: self._running.call(lambda: self._file.use(function, operation, writing=writing)),
            repeatable=repeatable,
        )

    def pool(self) -> Mapping[str, int]:
        """Return how many threads there are, and are in use."""
        return self._threads.usage() if self._threads else {}

    @property
    def _running(self) -> Threads:
        assert self._threads is not None
        return self._threads

    async def _connect(self) -> None:
        self._file.check("open")
        self._threads = Threads(
            ENGINE, maximum=_THREADS, seconds=self._settings.lease_timeout, setting="DUCKDB_LEASE_TIMEOUT"
        )

    async def _disconnect(self) -> None:
        self._running.close()
        self._threads = None

    async def _ask(self) -> None:
        await self._running.call(lambda: self._file.use(select, "health", writing=False))

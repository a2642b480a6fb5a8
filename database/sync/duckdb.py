"""DuckDB for threads: a file that is open only while it is used."""

from collections.abc import Callable
from types import ModuleType

import duckdb
from duckdb import DuckDBPyConnection

from database.clients.duckdb_file import DuckDBFile, select
from database.resilience.duckdb import ENGINE, classify
from database.settings.duckdb import DuckDBSettings
from database.settings.resilience import ResilienceSettings
from database.sync.base import Result, SyncEngineClient
from database.telemetry import Telemetry


class SyncDuckDBClient(SyncEngineClient):
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
        self._file = DuckDBFile(settings)

    @property
    def client(self) -> ModuleType:
        """Return duckdb itself; who connects with it takes no lease."""
        return duckdb

    def run(
        self,
        operation: str,
        function: Callable[[DuckDBPyConnection], Result],
        *,
        repeatable: bool = False,
        writing: bool = False,
    ) -> Result:
        """Return what a function returns that is given a connection; a DatabaseError names `operation`.

        Without `writing` the connection can only read; with it, the function is one transaction.
        """
        return self._execute(
            operation, lambda: self._file.use(function, operation, writing=writing), repeatable=repeatable
        )

    def _connect(self) -> None:
        self._file.check("open")

    def _disconnect(self) -> None:
        return

    def _ask(self) -> None:
        self._file.use(select, "health", writing=False)

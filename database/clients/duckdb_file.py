"""DuckDB's file, opened for one operation at a time: whoever holds it longer keeps migrations and backups away."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import duckdb
from duckdb import DuckDBPyConnection

from database.errors import MissingObject
from database.lease import Lease
from database.resilience.duckdb import ENGINE
from database.settings.duckdb import DuckDBSettings

Result = TypeVar("Result")
_AGAIN_SECONDS = 0.1


class DuckDBFile:
    """One file: a writer alone, or readers together, in this process and in others."""

    def __init__(self, settings: DuckDBSettings) -> None:
        self._settings = settings
        self._lease = Lease(settings.path, f"application, process {os.getpid()}", seconds=settings.lease_timeout)

    def use(self, function: Callable[[DuckDBPyConnection], Result], operation: str, *, writing: bool) -> Result:
        """Return what a function returns that is given a connection; when it writes, in one transaction.

        MissingObject if there is no file, FileInUse if somebody else has it, OperationTimeout for every statement that runs when
        the function has taken too long; what the function does between statements nobody can end.
        """
        self.check(operation)
        with (
            self._lease.held(operation, writing=writing),
            self._open(writing) as connection,
            _limited(connection, self._settings.timeout),
        ):
            return _in_transaction(connection, function) if writing else function(connection)

    def check(self, operation: str) -> None:
        """Raise MissingObject if there is no file: an application makes none."""
        if not self._settings.path.is_file():
            told = f"{self._settings.path} does not exist"
            raise MissingObject(told, ENGINE, operation, "correct DUCKDB_PATH, or make the file: pulumi up")

    def _open(self, writing: bool) -> DuckDBPyConnection:
        settings = self._settings
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": settings.memory_limit,
            "threads": settings.threads,
            "autoinstall_known_extensions": False,
        }
        return duckdb.connect(str(settings.path), read_only=not writing, config=config)


@contextmanager
def _limited(connection: DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt what runs after that time, again and again: an interrupt between two statements ends neither."""
    ended = threading.Event()

    def watch() -> None:
        pause = seconds
        while not ended.wait(pause):
            connection.interrupt()
            pause = _AGAIN_SECONDS

    thread = threading.Thread(target=watch, name="duckdb-timeout", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        # The connection is closed next.
        thread.join()


def _in_transaction(connection: DuckDBPyConnection, function: Callable[[DuckDBPyConnection], Result]) -> Result:
    connection.begin()
    result = function(connection)
    connection.commit()
    return result


def select(connection: DuckDBPyConnection) -> None:
    """Ask for a sign of life."""
    connection.execute("SELECT 1").fetchone()

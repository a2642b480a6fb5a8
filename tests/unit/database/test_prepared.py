"""A statement that was prepared before a migration: the connection that has it is given up, and it may be run again."""

import asyncio
from typing import Any

import pytest
from psycopg.errors import FeatureNotSupported

from database.clients.postgres import PostgresClient
from database.errors import InvalidInput, SerializationFailed
from database.resilience.postgres import classify
from database.settings import DatabaseSettings
from database.sync.postgres import SyncPostgresClient

_SETTINGS = DatabaseSettings.of({}).postgres
_STALE = FeatureNotSupported("cached plan must not change result type")


class Connection:
    """What is held, and what became of it."""

    is_closed = is_returned = False


def test_it_may_be_run_again() -> None:
    assert isinstance(classify(_STALE, "read"), SerializationFailed)
    assert isinstance(classify(FeatureNotSupported("no such join"), "read"), InvalidInput)


def test_its_connection_is_closed_and_given_back() -> None:
    class Held(Connection):
        async def close(self) -> None:
            self.is_closed = True

        async def putconn(self, connection: Any) -> None:
            self.is_returned = connection is self and self.is_closed

    held: Any = Held()

    class Client(PostgresClient):
        async def _take(self, pool: Any) -> Any:
            return held

    async def stale(_: Any) -> None:
        raise _STALE

    async def scenario() -> None:
        client = Client(_SETTINGS)
        client._pool = held
        with pytest.raises(FeatureNotSupported):
            await client._call(stale)
        assert held.is_returned

    asyncio.run(scenario())


def test_threads_do_alike() -> None:
    class Held(Connection):
        def close(self) -> None:
            self.is_closed = True

        def putconn(self, connection: Any) -> None:
            self.is_returned = connection is self and self.is_closed

    held: Any = Held()

    class Client(SyncPostgresClient):
        def _take(self, pool: Any) -> Any:
            return held

    def stale(_: Any) -> None:
        raise _STALE

    client = Client(_SETTINGS)
    client._pool = held
    with pytest.raises(FeatureNotSupported):
        client._call(stale)
    assert held.is_returned

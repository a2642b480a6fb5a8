"""A table that is empty for every test."""

from collections.abc import Iterator
from typing import Any

import pytest

from init.engines.postgres_connection import Connection, connect
from tests.contract.containers import Contract
from tests.contract.migrations.case import CREDENTIALS

TABLE = "CREATE TABLE notes (id INTEGER PRIMARY KEY, tenant VARCHAR NOT NULL, score REAL DEFAULT 0.5, note VARCHAR)"


@pytest.fixture
def credentials(servers: Contract) -> dict[str, Any]:
    return {**CREDENTIALS, "host": servers.address("postgres")}


@pytest.fixture
def postgres(credentials: dict[str, Any]) -> Iterator[Connection]:
    with connect(credentials, application="test") as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute(TABLE.encode())
        yield connection

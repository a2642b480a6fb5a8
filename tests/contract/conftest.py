"""Servers that all modules share which do not stop them; every test begins by emptying what it uses."""

from collections.abc import Iterator

import pytest

from init.engines.postgres_connection import connect
from tests.contract.containers import Contract
from tests.contract.migrations.case import CREDENTIALS
from tests.contract.milvus_server import Server, started


@pytest.fixture(scope="package")
def servers() -> Iterator[Contract]:
    with Contract.session("shared") as contract:
        for service in ("elasticsearch", "milvus"):
            contract.start(service)
        address = contract.address("postgres")
        with connect({**CREDENTIALS, "host": address}) as connection:
            # What is killed here are processes, never the machine: no test has to wait for the disk.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield contract


@pytest.fixture(scope="package")
def open_milvus() -> Iterator[Server]:
    """Milvus without authorization, for changes that its contents are compared after."""
    with started("open-milvus", authorization=False) as server:
        yield server

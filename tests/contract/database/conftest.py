"""Every server, started once and reached over wires; their limits are low, so that a test can go beyond them."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import pytest
from docker.errors import APIError

from database import DatabaseManager, DatabaseSettings
from tests.contract.containers import Contract
from tests.contract.database import engines
from tests.contract.database.opened import Opened, Rows, opened, rows
from tests.contract.database.wire import Wire
from tests.contract.milvus_server import environment
from tests.contract.servers import PASSWORD, SERVERS

PORTS = {"postgres": 5432, "redis": 6379, "elasticsearch": 9200, "milvus": 19530, "minio": 9000}
# What the servers of the contract are logged in to with. In Milvus 2.3.5 the first user and its password are fixed.
LOGINS = {
    "POSTGRES_DB": "karen", "POSTGRES_USER": "karen", "POSTGRES_PASSWORD": PASSWORD, "REDIS_PASSWORD": PASSWORD,
    "ELASTICSEARCH_USER": "elastic", "ELASTICSEARCH_PASSWORD": PASSWORD,
    "MILVUS_USER": "root", "MILVUS_PASSWORD": "Milvus",
    "MINIO_ACCESS_KEY": "karen-storage", "MINIO_SECRET_KEY": PASSWORD,
}  # fmt: skip
Settings = Callable[..., DatabaseSettings]


def alone(engine: str) -> dict[str, str]:
    """Return the variables that turn every other engine off."""
    return {f"ENABLE_{one.upper()}": "false" for one in PORTS if one != engine}


@pytest.fixture(scope="package")
def contract() -> Iterator[Contract]:
    """Every server, healthy."""
    with Contract.session("database") as contract:
        small = {**SERVERS["elasticsearch"].environment, "http.max_content_length": "1mb"}
        contract.start("elasticsearch", environment=small)
        contract.start("milvus", environment=environment())
        for service in PORTS:
            contract.start(service)
        for service in PORTS:
            contract.healthy(service)
        yield contract


@pytest.fixture(scope="package")
def world(servers: Contract, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The shipped schema on the servers that nobody stops."""
    with opened(servers, tmp_path_factory.mktemp("engines")) as one:
        yield one


@pytest.fixture(scope="package")
def database(world: Opened) -> Iterator[Rows]:
    """PostgreSQL of the same."""
    with rows(world) as one:
        yield one


@pytest.fixture(scope="package")
def wires(contract: Contract) -> Iterator[Mapping[str, Wire]]:
    """A wire to each server."""
    wires = {service: Wire(partial(_address, contract, service), port) for service, port in PORTS.items()}
    yield wires
    for wire in wires.values():
        wire.close()


def _address(contract: Contract, service: str) -> str:
    """Return where a server is now, without waiting for it; OSError if it is nowhere."""
    try:
        container = contract.started[service]
        container.reload()
    except APIError as error:
        raise ConnectionRefusedError(str(error)) from None
    address = str(container.attrs["NetworkSettings"]["Networks"][contract.name]["IPAddress"])
    if not address:
        raise ConnectionRefusedError(f"{service} is not running")
    return address


@pytest.fixture(scope="package")
def settings(wires: Mapping[str, Wire]) -> Settings:
    """What makes settings of the servers; its keywords are more variables."""

    def make(**more: str) -> DatabaseSettings:
        places = {f"{service.upper()}_PORT": str(wire.port) for service, wire in wires.items()}
        hosts = {f"{service.upper()}_HOST": "127.0.0.1" for service in wires}
        return DatabaseSettings.of({
            **LOGINS, **places, **hosts, "ENABLE_DUCKDB": "false", "DATABASE_TELEMETRY": "off", **more,
        })  # fmt: skip

    return make


@pytest.fixture(scope="package")
def prepared(settings: Settings) -> None:
    """Provide a table, an index, a collection and a bucket with one thing in each."""

    async def scenario() -> None:
        async with DatabaseManager(settings(MILVUS_TIMEOUT="60")) as manager:
            await engines.prepare(manager)
            for engine in PORTS:
                await engines.write(manager, engine, 1)

    asyncio.run(scenario())

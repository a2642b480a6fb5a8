"""Damaged data on real servers: what they say is recognized, and a server that is whole is not accused."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from elasticsearch import Elasticsearch

from init.engines import load
from init.engines.base import DAMAGED, PATIENCE_SECONDS, set_patience
from init.protocol import Failure
from monitor.corruption import damage
from tests.contract.containers import Contract
from tests.contract.migrations.case import CREDENTIALS
from tests.contract.servers import PASSWORD

pytestmark = pytest.mark.contract
_PAGE = 8192


@pytest.fixture(scope="module")
def contract() -> Iterator[Contract]:
    with Contract.session("backup-damaged") as contract:
        contract.start("postgres")
        yield contract


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Have drivers wait as the monitor's do."""
    set_patience(1.0)
    yield
    set_patience(PATIENCE_SECONDS)


def volume(contract: Contract, service: str) -> Path:
    """Return where a server's data are on this machine."""
    return Path(contract.client.volumes.get(f"{contract.name}-{service}-data").attrs["Mountpoint"])


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 0xFF]))


def probed(service: str, connection: Mapping[str, Any]) -> Failure | None:
    """Ask as the monitor does, and return why the engine is not well."""
    driver = load(service)
    try:
        driver.connect({**connection, "must_exist": True})
        driver.probe()
    except Failure as failure:
        return failure
    else:
        return None
    finally:
        driver.close()


def until(true: Callable[[], Any], seconds: float = 90) -> Any:
    """Return the first result that is true."""
    ends = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < ends
        time.sleep(0.5)
    return found


def test_postgres_is_damaged_once_somebody_has_met_a_bad_page(contract: Contract) -> None:
    connection = {**CREDENTIALS, "host": contract.address("postgres")}
    where = f"host={connection['host']} user={connection['user']} dbname={connection['database']}"
    with psycopg.connect(where, password=PASSWORD, autocommit=True) as own:
        own.execute(
            "CREATE TABLE notes AS SELECT range AS id, repeat('x', 100) FROM generate_series(1, 10000) AS range"
        )
        (path,) = own.execute("SELECT pg_relation_filepath('notes')").fetchone() or ("",)
        own.execute("CHECKPOINT")
    assert probed("postgres", connection) is None
    contract.stop("postgres")
    flip(volume(contract, "postgres") / "pgdata" / path, 3 * _PAGE + 4000)
    contract.restart("postgres")
    connection["host"] = contract.address("postgres")
    # Nobody has read it yet.
    assert probed("postgres", connection) is None
    where = f"host={connection['host']} user={connection['user']} dbname={connection['database']}"
    with psycopg.connect(where, password=PASSWORD, autocommit=True) as own:
        with pytest.raises(psycopg.errors.DataCorrupted) as error:
            own.execute("SELECT sum(length(repeat)) FROM notes")
        assert damage("postgres", f"{type(error.value).__name__}: {error.value}")
    failure = until(lambda: probed("postgres", connection), 10)
    assert failure.kind == DAMAGED
    assert "failed their checksum, in karen" in failure.message


@pytest.fixture
def damaged(servers: Contract, elasticsearch_connection: dict[str, str]) -> Iterator[dict[str, str]]:
    """The shared server, killed and started with a flipped byte in an index; afterwards that is gone, and the server is well."""
    login: Any = {"basic_auth": ("elastic", PASSWORD), "request_timeout": 60}
    with Elasticsearch(elasticsearch_connection["url"], **login) as client:
        client.indices.create(index="damaged", settings={"number_of_replicas": 0})
        client.index(index="damaged", document={"text": "a note"}, refresh=True)
        client.indices.flush(index="damaged", force=True)
        uuid = client.indices.get(index="damaged")["damaged"]["settings"]["index"]["uuid"]
    assert probed("elasticsearch", elasticsearch_connection) is None
    servers.kill("elasticsearch")
    (segment, *_) = (volume(servers, "elasticsearch") / "indices" / uuid / "0" / "index").glob("*.si")
    flip(segment, segment.stat().st_size // 2)
    container = servers.started["elasticsearch"]
    container.start()
    container.reload()
    url = f"http://{container.attrs['NetworkSettings']['Networks'][servers.name]['IPAddress']}:9200"
    yield {**elasticsearch_connection, "url": url}
    with Elasticsearch(url, **login) as client:
        client.indices.delete(index="damaged")
    servers.healthy("elasticsearch")


def test_elasticsearch_names_the_index_that_it_cannot_open(damaged: dict[str, str]) -> None:
    def broken() -> Failure | None:
        failure = probed("elasticsearch", damaged)
        return failure if failure and failure.kind == DAMAGED else None

    failure = until(broken)
    assert failure.message.startswith("elasticsearch: damaged: corrupt_index_exception: ")
    # The monitor gives an answer three seconds.
    began = time.monotonic()
    assert probed("elasticsearch", damaged) is not None
    assert time.monotonic() - began < 3
    assert damage("elasticsearch", failure.message)


def test_redis_says_in_its_log_why_it_does_not_start(contract: Contract) -> None:
    container = contract.healthy("redis")
    connection = {"host": contract.address("redis"), "port": 6379, "password": PASSWORD}
    driver: Any = load("redis")
    driver.connect(connection)
    for number in range(1000):
        driver._client.set(f"note:{number}", "x" * 100)
    driver.close()
    contract.stop("redis")
    (increments,) = (volume(contract, "redis") / "appendonlydir").glob("*.incr.aof")
    # A flipped byte of a value is not noticed: this log has no checksums.
    with increments.open("r+b") as file:
        file.seek(increments.stat().st_size // 2)
        file.write(bytes(256))
    container.start()
    container.wait(timeout=30)
    lines = container.logs(tail=50).decode().splitlines()
    assert damage("redis", "\n".join(lines)), lines

"""Servers that the modules of one engine share, and a set of each; every test begins by emptying its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from minio import Minio

from backup.engines.elasticsearch import PART as ELASTICSEARCH
from backup.engines.minio import PART as MINIO
from backup.model import Taken
from backup.targets.bucket import Place
from tests.contract.backup import elasticsearch_values, milvus_contents, minio_values
from tests.contract.backup.bucket_server import served
from tests.contract.backup.plain_files import Files, backed_up
from tests.contract.containers import Contract
from tests.contract.milvus_server import Server, connected
from tests.contract.servers import PASSWORD, STAGING


@pytest.fixture
def elasticsearch_connection(servers: Contract, staging: Path) -> dict[str, str]:
    return {
        "url": f"http://{servers.address('elasticsearch')}:9200",
        "user": "elastic",
        "password": PASSWORD,
        "staging": str(staging),
        "repository": STAGING,
    }


@pytest.fixture
def elasticsearch_client(elasticsearch_connection: dict[str, str]) -> Iterator[Elasticsearch]:
    """A client of the server, which is empty, and is so again afterwards."""
    url = elasticsearch_connection["url"]
    with Elasticsearch(url, basic_auth=("elastic", PASSWORD), request_timeout=60) as client:
        elasticsearch_values.remove(client)
        yield client
        elasticsearch_values.remove(client)


@pytest.fixture
def elasticsearch_set(
    elasticsearch_client: Elasticsearch, elasticsearch_connection: dict[str, str], tmp_path: Path
) -> tuple[Files, Taken]:
    """A set of every kind of index, which the server still has."""
    elasticsearch_values.fill(elasticsearch_client)
    return backed_up(ELASTICSEARCH, elasticsearch_connection, tmp_path)


@pytest.fixture(scope="package")
def minio_connection() -> Iterator[dict[str, str]]:
    with Contract.session("backup-minio") as contract:
        address = contract.address("minio")
        yield {"endpoint": f"http://{address}:9000", "access_key": "karen-storage", "secret_key": PASSWORD}


@pytest.fixture
def minio_client(minio_connection: dict[str, str]) -> Minio:
    """A client of the server, which is empty but for a bucket of Milvus'."""
    return minio_values.emptied(minio_connection)


@pytest.fixture
def minio_set(minio_client: Minio, minio_connection: dict[str, str], tmp_path: Path) -> tuple[Files, Taken]:
    """A set of every kind of bucket, which the server still has."""
    minio_values.fill(minio_client)
    return backed_up(MINIO, minio_connection, tmp_path)


@pytest.fixture(scope="package")
def connected_milvus(servers: Contract) -> Iterator[Server]:
    with connected(servers, authorization=True) as server:
        yield server


@pytest.fixture
def milvus_server(connected_milvus: Server) -> Server:
    """Milvus, which is empty."""
    milvus_contents.emptied(connected_milvus.client)
    return connected_milvus


@pytest.fixture(scope="package")
def place() -> Iterator[Place]:
    """A bucket, in which each test has a prefix of its own."""
    with served("backup-bucket") as found:
        yield found

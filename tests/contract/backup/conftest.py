"""Servers that the modules of one engine share; every test begins by emptying its own."""

from collections.abc import Iterator

import pytest

from tests.contract.backup.elasticsearch_server import Staged, started
from tests.contract.containers import Contract
from tests.contract.servers import PASSWORD


@pytest.fixture(scope="package")
def staged_elasticsearch() -> Iterator[Staged]:
    with started("backup-elasticsearch") as server:
        yield server


@pytest.fixture(scope="package")
def minio_connection() -> Iterator[dict[str, str]]:
    with Contract.session("backup-minio") as contract:
        address = contract.address("minio")
        yield {"endpoint": f"http://{address}:9000", "access_key": "karen-storage", "secret_key": PASSWORD}

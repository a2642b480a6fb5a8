"""One real stack for all end-to-end tests, removed whatever happens."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.freezing import freeze_until
from tests.e2e.live import LiveStack

# Its tests leave the stack with migrations that are not shipped.
LAST = "tests/e2e/migrate/"
OTHERS = {"postgres", "redis", "minio", "milvus", "duckdb"}


@pytest.fixture(scope="session")
def stack() -> Iterator[LiveStack]:
    """A development stack named `test`, up and initialized; on its way up, Elasticsearch stood still for a while."""
    live = LiveStack("test")
    live.create()
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            frozen = pool.submit(freeze_until, live.container("elasticsearch"), live.name, OTHERS, within=90)
            live.up()
            live.initialized_meanwhile = frozen.result()
        yield live
    finally:
        live.erase()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the package last that leaves the stack as no other test would have it."""
    items.sort(key=lambda item: item.nodeid.startswith(LAST))

"""After a restart many calls fail at once, because no collection is loaded: one loads for them all."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from grpc import RpcError
from pymilvus import MilvusException

from database.clients.milvus import MilvusClient
from database.resilience.milvus import NOT_LOADED
from database.settings import DatabaseSettings
from database.sync.milvus import SyncMilvusClient

_SETTINGS = DatabaseSettings.of({}).milvus
_NOT_LOADED = MilvusException(code=NOT_LOADED, message="collection not loaded")
_CALLERS = 20


def _refused() -> None:
    raise MilvusException(code=1, message="no memory")


def _gone() -> None:
    raise RpcError("the server went away")


@pytest.mark.parametrize(("outcome", "is_repaired"), [(lambda: None, True), (_refused, False), (_gone, False)])
def test_one_loads_for_all(outcome: Callable[[], None], is_repaired: bool) -> None:
    loads = 0

    class Loading(MilvusClient):
        async def load(self, *names: str) -> None:
            nonlocal loads
            loads += 1
            await asyncio.sleep(0.1)
            outcome()

    async def scenario() -> list[bool]:
        client = Loading(_SETTINGS)
        return await asyncio.gather(*(client._repair(_NOT_LOADED) for _ in range(_CALLERS)))

    assert asyncio.run(scenario()) == [is_repaired] * _CALLERS
    assert loads == 1


@pytest.mark.parametrize(("outcome", "is_repaired"), [(lambda: None, True), (_refused, False), (_gone, False)])
def test_one_thread_loads_for_all(outcome: Callable[[], None], is_repaired: bool) -> None:
    loads = 0

    class Loading(SyncMilvusClient):
        def load(self, *names: str) -> None:
            nonlocal loads
            loads += 1
            time.sleep(0.3)
            outcome()

    client = Loading(_SETTINGS)
    with ThreadPoolExecutor(_CALLERS) as threads:
        repaired = list(threads.map(lambda _: client._repair(_NOT_LOADED), range(_CALLERS)))
    assert repaired == [is_repaired] * _CALLERS
    assert loads == 1
    # Who fails later asks for another.
    assert client._repair(_NOT_LOADED) is is_repaired
    assert loads == 2

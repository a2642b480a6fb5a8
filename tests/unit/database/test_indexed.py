"""Who waits until all engines have a memory is told that it is committed, whatever fails after that."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from database.errors import OperationTimeout, Unavailable
from database.outbox import entries
from database.outbox.model import Change
from database.outbox.write import MemoryWriter


def gone() -> Any:
    raise Unavailable("it went away", "postgres", "transaction", "start it")


@asynccontextmanager
async def there() -> AsyncIterator[Any]:
    yield object()


class Follower:
    """An engine that has everything, and for a while cannot show it."""

    name = "elasticsearch"

    def __init__(self, failures: int) -> None:
        self.failures = failures

    async def deliver(self, changes: Sequence[Change]) -> Mapping[int, str]:
        return {}

    async def show(self, keys: Sequence[int]) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable("it went away", "elasticsearch", "refresh", "start it")

    async def ask(self) -> None:
        return


def test_postgres_going_away_after_the_commit_is_no_unknown_outcome() -> None:
    writer = MemoryWriter(gone, [Follower(0)], "acme", seconds=0.2)
    with pytest.raises(OperationTimeout, match=r"it is committed in postgres, but after 0\.2 s not in elasticsearch"):
        asyncio.run(writer._indexed({1: 1}, "write memory"))


@pytest.mark.parametrize(("failures", "is_shown"), [(2, True), (1000, False)])
def test_an_engine_that_went_away_is_waited_for(failures: int, is_shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any) -> list[Any]:
        return []

    async def delivered(*_: Any) -> tuple[set[int], dict[int, str]]:
        return set(), {}

    monkeypatch.setattr(entries, "claim", nothing)
    monkeypatch.setattr(entries, "progress", delivered)
    follower = Follower(failures)
    waiting = MemoryWriter(there, [follower], "acme", seconds=1)._indexed({1: 1}, "write memory")
    if is_shown:
        asyncio.run(waiting)
        assert follower.failures == 0
    else:
        with pytest.raises(OperationTimeout, match="it is committed in postgres"):
            asyncio.run(waiting)

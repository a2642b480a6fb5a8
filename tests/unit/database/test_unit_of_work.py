"""A unit of work and its connection, which is somebody else's when the block has ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from database.unit_of_work import UnitOfWork


@asynccontextmanager
async def transaction() -> AsyncIterator[Any]:
    yield object()


def test_a_second_block_has_repositories_of_its_own_connection() -> None:
    async def scenario() -> None:
        work = UnitOfWork(transaction, "acme")
        async with work:
            first = (work.connection, work.profiles, work.memories)
            assert work.profiles._connection is work.connection
        async with work:
            assert work.connection is not first[0]
            assert work.profiles._connection is work.connection
            assert work.memories._connection is work.connection

    asyncio.run(scenario())


def test_after_its_block_it_reaches_no_connection() -> None:
    async def scenario() -> None:
        async with UnitOfWork(transaction, "acme") as work:
            assert work.audit._connection is work.connection
        with pytest.raises(AttributeError, match="connection"):
            work.audit  # noqa: B018 - a property

    asyncio.run(scenario())

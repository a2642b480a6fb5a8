"""Redis' pool: who finds no connection waits for one, and none is lost on the way."""

import asyncio

import pytest

from database import DatabaseManager
from tests.contract.database.conftest import Settings

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("prepared")]


def test_many_share_few_connections(settings: Settings) -> None:
    async def scenario() -> None:
        async with DatabaseManager(settings(REDIS_POOL_MAX="2")) as manager:
            client = manager.redis

            async def count(_: int) -> int:
                return await client.run("count", lambda redis: redis.incr("pool-count"))

            await client.run("empty", lambda redis: redis.delete("pool-count"))
            counted = asyncio.gather(*(count(number) for number in range(200)))
            await asyncio.sleep(0)
            assert client.pool()["waiting"] > 0
            assert sorted(await counted) == list(range(1, 201))
            # Also where waiting ends early, as by a caller's own timeout.
            holders = [
                asyncio.create_task(client.run("hold", lambda redis: redis.blpop(["none"], 1))) for _ in range(2)
            ]
            await asyncio.sleep(0.1)
            impatient = [asyncio.create_task(count(number)) for number in range(5)]
            await asyncio.sleep(0.1)
            for one in impatient:
                one.cancel()
            await asyncio.gather(*impatient, *holders, return_exceptions=True)
            assert client.pool() == {"maximum": 2, "in_use": 0, "waiting": 0}
            assert await count(0) == 201

    asyncio.run(scenario())

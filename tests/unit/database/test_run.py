"""What `run` promises: one attempt unless it is repeatable, an open breaker while the engine is away, typed errors."""

import asyncio
import pickle
import time

import pytest

from database.errors import CircuitOpen, ConfigurationInvalid, DatabaseError, Unavailable
from tests.unit.database.engines import SECRET, Client, GoneError, SyncClient


async def same(handle: int) -> int:
    return handle


def test_only_what_is_repeatable_is_tried_again() -> None:
    async def scenario() -> None:
        client = Client()
        tries = 0

        async def shaky(_: int) -> str:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise GoneError("again")
            return "done"

        assert await client.run("read", shaky, repeatable=True) == "done"
        assert tries == 3
        tries = 0
        with pytest.raises(Unavailable) as caught:
            await client.run("write", shaky)
        assert (tries, caught.value.operation, caught.value.engine) == (1, "write", "postgres")

    asyncio.run(scenario())


def test_what_is_no_error_of_the_engine_passes_as_it_is() -> None:
    async def scenario() -> None:
        client = Client()

        async def wrong(_: int) -> None:
            raise KeyError("mine")

        for _ in range(10):
            with pytest.raises(KeyError, match="mine"):
                await client.run("read", wrong, repeatable=True)
        assert client.called == 10
        assert (await client.health()).breaker == "closed"

    asyncio.run(scenario())


def test_fifty_callers_find_the_breaker_open_and_one_finds_out_that_it_is_back() -> None:
    async def scenario() -> None:
        client = Client()
        await client.run("read", same)
        client.is_up = False
        await asyncio.gather(*(client.run("read", same) for _ in range(50)), return_exceptions=True)
        client.called = client.asked = 0
        began = time.perf_counter()
        refused = await asyncio.gather(*(client.run("read", same) for _ in range(50)), return_exceptions=True)
        assert (time.perf_counter() - began) / 50 < 0.01
        assert all(isinstance(one, CircuitOpen) for one in refused)
        assert client.called == 0
        await asyncio.sleep(0.06)
        # Half open: one asks for all, and nobody else is let through.
        refused = await asyncio.gather(*(client.run("read", same) for _ in range(50)), return_exceptions=True)
        assert all(isinstance(one, CircuitOpen) for one in refused)
        assert (client.asked, client.called) == (1, 0)
        client.is_up = True
        await asyncio.sleep(0.06)
        assert await client.run("read", same) == 1
        assert (await client.health()).breaker == "closed"
        answers = await asyncio.gather(*(client.run("read", same) for _ in range(50)))
        assert len(set(answers)) == 50

    asyncio.run(scenario())


def test_a_cancelled_question_leaves_the_next_caller_to_ask() -> None:
    async def scenario() -> None:
        client = Client()
        client.is_up = False
        await asyncio.gather(*(client.run("read", same) for _ in range(5)), return_exceptions=True)
        await asyncio.sleep(0.06)
        client.is_up = True
        asking = asyncio.create_task(client.run("read", same))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert await client.run("read", same) > 0

    asyncio.run(scenario())


def test_threads_are_served_alike() -> None:
    client = SyncClient()
    assert client.run("read", lambda handle: handle) == 1
    client.is_up = False
    for _ in range(3):
        with pytest.raises(Unavailable):
            client.run("read", lambda handle: handle)
    with pytest.raises(CircuitOpen):
        client.run("read", lambda handle: handle, repeatable=True)
    time.sleep(0.06)
    client.is_up = True
    assert client.run("read", lambda handle: handle) > 1
    assert client.health().status == "ok"


def test_no_secret_is_in_an_error_its_cause_or_a_report() -> None:
    async def scenario() -> None:
        client = Client()
        client.is_up = False
        with pytest.raises(Unavailable) as caught:
            await client.run("read", same)
        assert SECRET not in str(caught.value) + repr(caught.value) + repr(caught.value.__cause__)
        assert "refused ***" in str(caught.value)
        assert SECRET not in str((await client.health()).as_dict())

    asyncio.run(scenario())


def test_a_client_is_closed_once_and_opened_again_by_a_call() -> None:
    async def scenario() -> None:
        async with Client() as client:
            await client.run("read", same)
            await client.close()
            await client.close()
            assert client.connected == 0
            await client.run("read", same)
            assert client.connected == 1
        assert client.connected == 0

    asyncio.run(scenario())


def test_closing_lets_what_is_under_way_end() -> None:
    async def scenario() -> None:
        client = Client()
        began = asyncio.Event()

        async def slow(_: int) -> int:
            began.set()
            await asyncio.sleep(0.1)
            return client.connected

        running = asyncio.create_task(client.run("slow", slow))
        await began.wait()
        await client.close()
        assert client.connected == 0
        assert await running == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", [DatabaseError, Unavailable, CircuitOpen])
def test_an_error_survives_a_process_pool(kind: type[DatabaseError]) -> None:
    error = pickle.loads(pickle.dumps(kind("gone", "redis", "get", "start it")))  # noqa: S301 - our own
    assert (type(error), error.engine, error.operation, error.fix) == (kind, "redis", "get", "start it")
    assert str(error) == "redis: get: gone. Fix: start it"
    invalid = pickle.loads(pickle.dumps(ConfigurationInvalid("Wrong.", problems=("a", "b"))))  # noqa: S301
    assert (invalid.problems, str(invalid)) == (("a", "b"), "Wrong.\n  - a\n  - b")

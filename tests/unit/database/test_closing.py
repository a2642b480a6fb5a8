"""Closing while others go on asking: it waits for what is under way, and for nothing that only begins."""

import asyncio
import threading
import time

import pytest

from database.errors import Closing, Unavailable
from tests.unit.database.engines import Client, GoneError, SyncClient


def test_who_comes_while_a_client_is_being_closed_is_refused_and_does_not_keep_it() -> None:
    async def scenario() -> None:
        client, begun = Client(), asyncio.Event()

        async def slow(_: int) -> str:
            begun.set()
            await asyncio.sleep(0.2)
            return "done"

        running = asyncio.create_task(client.run("slow", slow))
        await begun.wait()
        began = time.monotonic()
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0.05)
        with pytest.raises(Closing, match="it is being closed"):
            await client.run("slow", slow)
        await closing
        assert time.monotonic() - began < 2
        assert await running == "done"
        # It was no failure of the engine, and afterwards it is opened again.
        assert (await client.health()).breaker == "closed"
        assert await client.run("slow", slow) == "done"

    asyncio.run(scenario())


def test_what_is_tried_again_ends_when_the_client_is_closed() -> None:
    async def scenario() -> None:
        client, tries = Client(), 0

        async def gone(_: int) -> None:
            nonlocal tries
            tries += 1
            await asyncio.sleep(0.1)
            raise GoneError("again")

        running = asyncio.create_task(client.run("read", gone, repeatable=True))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await client.close()
        assert time.monotonic() - began < 2
        with pytest.raises(Unavailable):
            await running
        assert (tries, client.connected) == (1, 0)

    asyncio.run(scenario())


def test_threads_close_alike() -> None:
    client, begun, answers = SyncClient(), threading.Event(), list[str]()

    def slow(_: int) -> str:
        begun.set()
        time.sleep(0.2)
        return "done"

    running = threading.Thread(target=lambda: answers.append(client.run("slow", slow)))
    running.start()
    begun.wait()
    began = time.monotonic()
    closing = threading.Thread(target=client.close)
    closing.start()
    time.sleep(0.05)
    with pytest.raises(Closing, match="it is being closed"):
        client.run("slow", slow)
    closing.join()
    assert time.monotonic() - began < 2
    running.join()
    assert answers == ["done"]
    assert client.run("slow", slow) == "done"


class Slow(Client):
    """An engine to which it takes a while to connect."""

    async def _connect(self) -> None:
        await asyncio.sleep(0.2)
        await super()._connect()


def test_who_comes_while_another_connects_and_a_third_closes_keeps_nobody() -> None:
    async def scenario() -> None:
        client = Slow()

        async def nothing(_: int) -> str:
            return "done"

        connecting = asyncio.create_task(client.run("first", nothing))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0.05)
        with pytest.raises(Closing, match="it is being closed"):
            await client.run("second", nothing)
        await closing
        assert time.monotonic() - began < 2
        assert (await connecting, client.connected) == ("done", 0)
        assert await client.run("third", nothing) == "done"

    asyncio.run(scenario())


class SlowSync(SyncClient):
    """The same for threads."""

    def _connect(self) -> None:
        time.sleep(0.3)
        super()._connect()


def test_who_comes_while_another_thread_connects_keeps_nobody() -> None:
    client, answers = SlowSync(), list[str]()
    connecting = threading.Thread(target=lambda: answers.append(client.run("first", lambda _: "done")))
    connecting.start()
    time.sleep(0.05)
    began = time.monotonic()
    closing = threading.Thread(target=client.close)
    closing.start()
    time.sleep(0.05)
    with pytest.raises(Closing, match="it is being closed"):
        client.run("second", lambda _: "done")
    closing.join()
    connecting.join()
    assert time.monotonic() - began < 2
    assert answers == ["done"]

"""Places for calls: bounded, waited for, and given back whatever happens."""

import asyncio
import threading
import time

import pytest

from database.clients.slots import Slots
from database.resilience.kinds import PoolFullError
from database.sync.slots import SyncSlots


def test_who_finds_no_place_waits_and_is_told_what_makes_more_room() -> None:
    async def scenario() -> None:
        slots = Slots(maximum=2, seconds=0.05, setting="MORE")
        await slots.take()
        await slots.take()
        began = time.perf_counter()
        with pytest.raises(PoolFullError, match=r"all 2 connections were in use for 0\.05 s") as caught:
            await slots.take()
        assert (caught.value.setting, slots.usage()) == ("MORE", {"maximum": 2, "in_use": 2, "waiting": 0})
        assert time.perf_counter() - began >= 0.04
        waiting = asyncio.create_task(slots.take())
        await asyncio.sleep(0)
        assert slots.usage()["waiting"] == 1
        slots.give_back()
        await waiting
        assert slots.usage() == {"maximum": 2, "in_use": 2, "waiting": 0}

    asyncio.run(scenario())


def test_one_who_is_cancelled_while_waiting_takes_no_place() -> None:
    async def scenario() -> None:
        slots = Slots(maximum=1, seconds=5, setting="MORE")
        await slots.take()
        waiting = asyncio.create_task(slots.take())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        slots.give_back()
        assert slots.usage() == {"maximum": 1, "in_use": 0, "waiting": 0}
        await asyncio.wait_for(slots.take(), 1)

    asyncio.run(scenario())


def test_threads_wait_alike_and_give_back_after_an_error() -> None:
    slots = SyncSlots(maximum=1, seconds=0.05, setting="MORE")

    def fails() -> None:
        with slots.taken():
            raise KeyError("mine")

    with pytest.raises(KeyError):
        fails()
    with slots.taken():
        with pytest.raises(PoolFullError, match="all 1 connections"), slots.taken():
            pass
        assert slots.usage() == {"maximum": 1, "in_use": 1, "waiting": 0}
    assert slots.usage()["in_use"] == 0


def test_no_more_threads_are_in_than_there_are_places() -> None:
    slots, most, inside = SyncSlots(maximum=3, seconds=5, setting="MORE"), 0, 0
    counting = threading.Lock()

    def work() -> None:
        nonlocal most, inside
        with slots.taken():
            with counting:
                inside += 1
                most = max(most, inside)
            time.sleep(0.01)
            with counting:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert most == 3

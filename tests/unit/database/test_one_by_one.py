"""A batch that fails is sent key by key; where that brings nothing either, the relay has to wait before the next."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from database.errors import DatabaseError, Unavailable
from database.outbox.model import Change
from database.outbox.relay import Relay, _Sent

_CHANGES = [Change(key, 1, None) for key in (1, 2, 3)]


class Follower:
    """An engine that answers questions, refuses batches, and goes away at a key."""

    name = "milvus"

    def __init__(self, gone_at: int) -> None:
        self.gone_at = gone_at

    async def deliver(self, changes: Sequence[Change]) -> Mapping[int, str]:
        if len(changes) > 1:
            raise DatabaseError("it did not work", self.name, "deliver", "see its log")
        if changes[0].vector_id >= self.gone_at:
            raise Unavailable("it went away", self.name, "deliver", "start it")
        return {}

    async def show(self, keys: Sequence[int]) -> None:
        return

    async def ask(self) -> None:
        return


def sent(gone_at: int) -> Any:
    def nowhere() -> Any:
        raise AssertionError("it needs no transaction")

    return asyncio.run(Relay(nowhere, Follower(gone_at))._send(_CHANGES))


def test_an_engine_that_takes_nothing_is_waited_for() -> None:
    assert isinstance(sent(1), Unavailable)


def test_what_was_taken_before_it_went_away_is_kept() -> None:
    found = sent(3)
    assert isinstance(found, _Sent)
    assert [one.vector_id for one in found.delivered] == [1, 2]

"""Whatever writers do at the same time, and however the engine fails: each key's states arrive in their order, and the last one does."""

import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from database.errors import BadDocument, MissingObject, OperationTimeout
from database.model import Memory
from database.outbox import entries, relay
from database.outbox.model import Change
from database.outbox.relay import Relay
from tests.contract.database.interleaving import TENANT, Recorder, assert_in_order, interleave
from tests.contract.database.opened import Rows

pytestmark = pytest.mark.contract
plans = st.lists(st.lists(st.tuples(st.integers(0, 1), st.booleans()), min_size=1, max_size=8), min_size=1, max_size=6)
# Several who wait for each other, writing and deleting one key.
CROWD = [[(0, number % 2 == writer % 2) for number in range(12)] for writer in range(6)]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_FIRST_PAUSE", 0.005)


async def emptied(database: Rows) -> None:
    async with database.postgres.transaction() as connection:
        await connection.execute("TRUNCATE memory, memory_outbox, memory_dead_letters")


@pytest.mark.parametrize("examples", [25, pytest.param(500, marks=[pytest.mark.full, pytest.mark.timeout(900)])])
def test_versions_never_go_back_and_the_last_state_arrives(database: Rows, examples: int) -> None:
    @settings(max_examples=examples)
    @example(plans=CROWD, seed=1, failures=0.0)
    @given(plans=plans, seed=st.integers(0, 2**32), failures=st.sampled_from([0.0, 0.2, 0.5]))
    def check(plans: list[list[tuple[int, bool]]], seed: int, failures: float) -> None:
        database.run(_in_order(database, plans, seed, failures))

    check()


async def _in_order(database: Rows, plans: list[list[tuple[int, bool]]], seed: int, failures: float) -> None:
    await emptied(database)
    recorder = Recorder(random.Random(seed), failures=failures)  # noqa: S311 - not for secrets
    await interleave(database.postgres.transaction, recorder, plans)
    await assert_in_order(database.postgres.transaction, recorder)


class Refusing(Recorder):
    """An engine that refuses some keys, in one way or another."""

    wrong: dict[int, Exception]

    async def deliver(self, changes: Sequence[Change]) -> Mapping[int, str]:
        for one in changes:
            if one.vector_id in self.wrong and one.row is not None and one.row.query == "wrong":
                raise self.wrong[one.vector_id]
        return await super().deliver(changes)


def refusing(wrong: dict[int, Exception]) -> Refusing:
    made = Refusing(random.Random(1))  # noqa: S311 - not for secrets
    made.wrong = wrong
    return made


def test_one_that_is_refused_becomes_a_dead_letter_and_keeps_nobody_back(database: Rows) -> None:
    async def check() -> None:
        await emptied(database)
        transaction = database.postgres.transaction
        engine = refusing({3: BadDocument("it is bad", "milvus", "deliver", "correct it")})
        one = Relay(transaction, engine)
        async with database.work(TENANT) as work:
            await work.memories.put_many(
                [Memory("u", "wrong" if key == 3 else "right", vector_id=key) for key in range(6)]
            )
        while await one.deliver():
            pass
        assert sorted(engine.held) == [0, 1, 2, 4, 5]
        async with transaction() as connection:
            (letter,) = await entries.letters(connection, "milvus")
            lag = {found.destination: found for found in await entries.lag(connection, ["elasticsearch", "milvus"])}
        assert (letter.vector_id, letter.reason, letter.attempts) == (3, "it is bad", 1)
        assert (lag["milvus"].pending, lag["milvus"].seconds, lag["milvus"].dead_letters) == (0, 0.0, 1)
        assert lag["elasticsearch"].pending == 6
        assert lag["elasticsearch"].seconds > 0
        # Corrected, it goes; and the letter with it.
        async with database.work(TENANT) as work:
            await work.memories.put(Memory("u", "right", vector_id=3))
        assert await one.deliver() == 1
        assert 3 in engine.held
        async with transaction() as connection:
            assert await entries.letters(connection, "milvus") == []

    database.run(check())


def test_a_dead_letter_can_be_tried_again(database: Rows) -> None:
    async def check() -> None:
        await emptied(database)
        transaction = database.postgres.transaction
        engine = refusing({1: BadDocument("it is bad", "milvus", "deliver", "correct it")})
        one = Relay(transaction, engine)
        async with database.work(TENANT) as work:
            await work.memories.put(Memory("u", "wrong", vector_id=1))
        await one.deliver()
        engine.wrong = {}
        assert await one.deliver() == 0
        async with transaction() as connection:
            assert await entries.revive(connection, "milvus", [1]) == 1
        assert await one.deliver() == 1
        assert 1 in engine.held

    database.run(check())


def test_one_that_fails_again_and_again_lets_the_others_pass_and_dies_at_last(
    database: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_POSTPONED_SECONDS", 0.0)

    async def check() -> None:
        await emptied(database)
        engine = refusing({1: OperationTimeout("no answer", "milvus", "deliver", "wait")})
        one = Relay(database.postgres.transaction, engine)
        async with database.work(TENANT) as work:
            await work.memories.put_many(
                [Memory("u", "wrong" if key == 1 else "right", vector_id=key) for key in range(3)]
            )
        while await one.deliver():
            pass
        assert sorted(engine.held) == [0, 2]
        async with database.postgres.transaction() as connection:
            (letter,) = await entries.letters(connection, "milvus")
        assert (letter.attempts, letter.reason) == (10, "OperationTimeout: no answer")

    database.run(check())


def test_what_every_key_would_meet_makes_no_dead_letters(database: Rows) -> None:
    async def check() -> None:
        await emptied(database)
        engine = refusing({1: MissingObject("no collection", "milvus", "deliver", "migrate")})
        one = Relay(database.postgres.transaction, engine)
        async with database.work(TENANT) as work:
            await work.memories.put(Memory("u", "wrong", vector_id=1))
        for _ in range(15):
            with pytest.raises(MissingObject):
                await one.deliver()
        engine.wrong = {}
        assert await one.deliver() == 1

    database.run(check())

"""Pages of repositories, on a real PostgreSQL: every row once, in the order that is told."""

import secrets
from uuid import uuid4

import pytest

from database.errors import Conflict
from database.model import Conversation, Profile
from tests.contract.database.opened import Rows

pytestmark = pytest.mark.contract


def test_profiles_are_added_in_bulk_and_read_in_pages(database: Rows) -> None:
    async def check() -> None:
        tenant = uuid4().hex
        profiles = [Profile(f"{tenant}-{number:03}", {"text": "a\tb\\n\"ü'"}) for number in range(25)]
        async with database.work(tenant) as work:
            assert await work.profiles.add_many(profiles) == 25
        async with database.work(tenant) as work:
            read, after = list[Profile](), None
            while True:
                page = await work.profiles.page(limit=10, after=after)
                read += page.items
                if (after := page.next) is None:
                    break
            assert [(one.user_id, one.profile) for one in read] == [(one.user_id, one.profile) for one in profiles]
        with pytest.raises(Conflict, match="the user of one of the profiles is taken"):
            async with database.work(tenant) as work:
                await work.profiles.add_many([Profile("new one", {}), profiles[0]])
        async with database.work(tenant) as work:
            assert await work.profiles.get("new one") is None
            assert await work.profiles.delete(profiles[0].user_id)
            assert not await work.profiles.delete(profiles[0].user_id)

    database.run(check())


def test_pages_of_conversations_meet_no_row_twice(database: Rows) -> None:
    async def check() -> None:
        user = uuid4().hex
        # In one transaction they all have the same time.
        async with database.work() as work:
            made = {(await work.conversations.put(Conversation(user))).id for _ in range(10)}
            read, after = [], None
            while True:
                page = await work.conversations.page(user, limit=3, after=after)
                read += [one.id for one in page.items]
                if (after := page.next) is None:
                    break
        assert len(read) == 10
        assert set(read) == made

    database.run(check())


def test_pages_of_memories_have_every_row_also_those_without_a_time(database: Rows) -> None:
    """The column of other applications allows NULL; more of them than a page has, too."""

    async def check() -> None:
        user = uuid4().hex
        given = [(number, None if number < 5 else number // 3) for number in range(10)]
        keys = {secrets.randbits(62) + number: at for number, at in given}
        for key, at in keys.items():
            row = (
                "INSERT INTO memory (tenant_id, user_id, query, timestamp, vector_id) VALUES ('tenant', %s, '', %s, %s)"
            )
            await database.query(f"{row} RETURNING 1", user, at, key)
        async with database.work() as work:
            read, after = list[int](), None
            for _ in keys:
                page = await work.memories.page(user, limit=2, after=after)
                read += [one.vector_id for one in page.items]
                if (after := page.next) is None:
                    break
        assert read == sorted(keys, key=lambda key: (keys[key] is None, keys[key] or 0, key), reverse=True)

    database.run(check())

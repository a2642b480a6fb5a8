"""What repositories store and give back, on a real PostgreSQL with the shipped schema."""

import asyncio
from ipaddress import ip_address
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from database.errors import Conflict, InvalidInput, MissingObject
from database.model import AuditRecord, Conversation, Memory, Message, Profile, SystemSetting
from tests.contract.database.opened import Rows

pytestmark = pytest.mark.contract
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
json_objects = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.booleans() | st.integers() | texts, lambda inner: st.lists(inner, max_size=3), max_leaves=5
    ),
    max_size=4,
)


@settings(max_examples=30)
@given(st.lists(json_objects, min_size=1, max_size=4))
def test_a_profile_s_history_leads_from_the_first_state_to_the_last(
    database: Rows, states: list[dict[str, object]]
) -> None:
    async def check() -> None:
        user = uuid4().hex
        async with database.work() as work:
            written = [await work.profiles.put(Profile(user, state)) for state in states]
            assert [one.profile for one in written] == states
            assert (await work.profiles.get(user)) == written[-1]
            changes = (await work.profiles.history(user, limit=1000)).items
        rebuilt = dict(states[0])
        for change in reversed(changes):
            assert rebuilt.get(change.field) == change.old
            rebuilt[change.field] = change.new
        # A field that is gone and one that is null look the same in the history.
        assert {k: v for k, v in rebuilt.items() if v is not None} == {
            k: v for k, v in states[-1].items() if v is not None
        }

    database.run(check())


def test_one_who_writes_a_profile_at_the_same_time_waits_and_its_history_is_whole(database: Rows) -> None:
    async def check() -> None:
        user = uuid4().hex

        async def write(number: int) -> None:
            async with database.work() as work:
                await work.profiles.put(Profile(user, {"number": number}))

        await asyncio.gather(*(write(number) for number in range(8)))
        async with database.work() as work:
            changes = (await work.profiles.history(user)).items
            held = await work.profiles.get(user)
        assert len(changes) == 7
        assert held is not None
        assert held.profile == {"number": changes[0].new}
        assert all(earlier.new == later.old for later, earlier in pairwise(changes))

    database.run(check())


def test_messages_keep_the_order_in_which_they_were_added(database: Rows) -> None:
    async def check() -> None:
        async with database.work() as work:
            conversation = await work.conversations.put(Conversation("user", title="t", metadata={"a": [1]}))
            added = [
                await work.conversations.add(Message(conversation.id, "user", f"{number}", metadata={"n": number}))
                for number in range(12)
            ]
            first = await work.conversations.messages(conversation.id, limit=7)
            second = await work.conversations.messages(conversation.id, limit=7, after=first.next)
            assert [*first.items, *second.items] == added
            assert second.next is None
            with pytest.raises(Conflict, match=r"the message .* is taken"):
                await work.conversations.add(added[0])
            with pytest.raises(MissingObject, match="there is no conversation"):
                await work.conversations.add(Message(uuid4(), "user", "x"))
            other = await work.conversations.put(Conversation("user"))
            page = await work.conversations.page("user", limit=1)
            assert [one.id for one in page.items] == [other.id]
            await work.conversations.add(Message(conversation.id, "assistant", "last"))
            assert (await work.conversations.page("user", limit=1)).items[0].id == conversation.id
            assert await work.conversations.delete(conversation.id)
            assert (await work.conversations.messages(conversation.id)).items == ()

    database.run(check())


def test_settings_of_the_system_are_read_by_key_and_in_pages(database: Rows) -> None:
    async def check() -> None:
        async with database.work() as work:
            await work.configuration.put(SystemSetting("test.secret", {"a": None}))
            await work.configuration.put(SystemSetting("test.shown", None, "about", is_public=True))
            shown = await work.configuration.get("test.shown")
            assert shown is not None
            assert (shown.value, shown.description, shown.is_public) == (None, "about", True)
            public = {one.key for one in (await work.configuration.page(public=True, limit=1000)).items}
            everything = {one.key for one in (await work.configuration.page(limit=1000)).items}
            assert everything - public >= {"test.secret"}
            assert "test.shown" in public
            assert await work.configuration.delete("test.secret")
            assert await work.configuration.get("test.secret") is None

    database.run(check())


def test_the_audit_log_is_read_from_its_end(database: Rows) -> None:
    async def check() -> None:
        tenant = uuid4().hex
        async with database.work(tenant) as work:
            address = ip_address("2001:db8::1")
            added = [
                await work.audit.add(AuditRecord(action, "user", ip_address=address))
                for action in ("log in", "log out", "log in", "log out", "log out")
            ]
            first = await work.audit.page(limit=3)
            second = await work.audit.page(limit=3, after=first.next)
            assert first.items == tuple(reversed(added[2:]))
            assert len(first.items) + len(second.items) == 5
            assert len((await work.audit.page(action="log in")).items) == 2
            assert (await work.audit.page(user_id="nobody")).items == ()

    database.run(check())


def test_a_unit_of_work_is_done_whole_or_not_at_all(database: Rows) -> None:
    async def check() -> None:
        user, memory = uuid4().hex, Memory("user", "q")

        async def fail() -> None:
            async with database.work() as work:
                await work.profiles.put(Profile(user, {}))
                await work.memories.put(memory)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        async with database.work() as work:
            assert await work.profiles.get(user) is None
            assert await work.memories.get(memory.vector_id) is None
        assert await database.query("SELECT FROM memory_outbox WHERE vector_id = %s", memory.vector_id) == []

    database.run(check())


def test_a_memory_and_its_entries_are_written_together(database: Rows) -> None:
    async def check() -> None:
        memory = Memory("user", "q", embedding=[0.6, 0.8] + [0.0] * 382)
        entries = "SELECT destination, version FROM memory_outbox WHERE vector_id = %s ORDER BY sequence"
        async with database.work() as work:
            versions = [await work.memories.put(memory)]
            # The embedding stays where the next write has none.
            versions.append(await work.memories.put(Memory("user", "other", vector_id=memory.vector_id)))
            held = await work.memories.get(memory.vector_id)
            assert held is not None
            assert held.embedding is not None
            assert held.query == "other"
            assert list(held.embedding)[:2] == pytest.approx([0.6, 0.8])
            deleted = await work.memories.delete(memory.vector_id)
            assert deleted is not None
            versions.append(deleted)
            assert await work.memories.delete(memory.vector_id) is None
            versions.append(await work.memories.put(memory))
        assert versions == sorted(set(versions))
        found = await database.query(entries, memory.vector_id)
        assert sorted(found) == sorted((name, one) for one in versions for name in ("elasticsearch", "milvus"))

    database.run(check())


def test_tokens_of_another_query_are_refused(database: Rows) -> None:
    async def check() -> None:
        async with database.work() as work:
            for _ in range(3):
                await work.memories.put(Memory("pages", "q"))
            token = (await work.memories.page("pages", limit=1)).next
            with pytest.raises(InvalidInput, match="the page token"):
                await work.conversations.page("pages", after=token)

    database.run(check())

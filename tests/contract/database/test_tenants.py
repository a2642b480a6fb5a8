"""Whatever two tenants are called and hold: every method of every repository keeps them apart."""

import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import assume, given, settings

from database.errors import Conflict, MissingObject
from database.model import (
    AuditRecord,
    Conversation,
    Extension,
    ExtensionEvent,
    ExtensionMetric,
    Memory,
    Message,
    Page,
    Profile,
    SystemSetting,
)
from database.repositories import protocols
from database.unit_of_work import UnitOfWork
from tests.contract.database import test_documents as documents
from tests.contract.database.opened import Rows
from tests.contract.database.tenants import names

pytestmark = pytest.mark.contract
# What belongs to no tenant, by its nature.
_SHARED = {"Extensions.get", "Extensions.put", "Extensions.set_status", "Extensions.page"}
_SHARED |= {f"Configuration.{name}" for name in ("get", "put", "page", "delete")}
# Documents are in Elasticsearch: test_documents.py.
_ELSEWHERE = {f"Documents.{name.split()[0]}" for name in documents.METHODS}


class Known:
    """What the first tenant has, with keys that the other one knows as well."""

    def __init__(self) -> None:
        key = uuid4().hex
        self.profile = Profile(key, {"secret": key})
        self.conversation = Conversation(key, session_id=key, title=key)
        self.message = Message(self.conversation.id, "user", key)
        self.memory = Memory(key, key, session_id=key)
        self.extension = Extension(f"extension {key}", "1")
        self.metric = ExtensionMetric(self.extension.name, "calls", 1, {"user": key})
        self.event = ExtensionEvent(self.extension.name, "installed", key)
        self.record = AuditRecord(key, key)

    async def write(self, work: UnitOfWork) -> None:
        await work.profiles.put(Profile(self.profile.user_id, {}))
        await work.profiles.put(self.profile)
        await work.conversations.put(self.conversation)
        await work.conversations.add(self.message)
        await work.memories.put(self.memory)
        await work.extensions.put(self.extension)
        await work.extensions.set(self.extension.name, "key", "secret")
        await work.extensions.grant(self.extension.name, self.profile.user_id, "read")
        await work.extension_records.measure(self.metric)
        await work.extension_records.add(self.event)
        await work.audit.add(self.record)


Call = Callable[[UnitOfWork, Known], Awaitable[Any]]
# Each method as the other tenant calls it, with the first one's keys. What it gives must be nothing.
METHODS: dict[str, Call] = {
    "Profiles.get": lambda work, known: work.profiles.get(known.profile.user_id),
    "Profiles.put": lambda work, known: work.profiles.put(Profile(known.profile.user_id, {"taken": True})),
    "Profiles.add_many": lambda work, known: work.profiles.add_many([known.profile]),
    "Profiles.page": lambda work, known: work.profiles.page(limit=1000),
    "Profiles.history": lambda work, known: work.profiles.history(known.profile.user_id),
    "Profiles.delete": lambda work, known: work.profiles.delete(known.profile.user_id),
    "Conversations.get": lambda work, known: work.conversations.get(known.conversation.id),
    "Conversations.put": lambda work, known: work.conversations.put(known.conversation),
    "Conversations.page": lambda work, known: work.conversations.page(known.conversation.user_id),
    "Conversations.delete": lambda work, known: work.conversations.delete(known.conversation.id),
    "Conversations.add": lambda work, known: work.conversations.add(Message(known.conversation.id, "user", "taken")),
    "Conversations.messages": lambda work, known: work.conversations.messages(known.conversation.id),
    "MemoryRows.get": lambda work, known: work.memories.get(known.memory.vector_id),
    "MemoryRows.get_many": lambda work, known: work.memories.get_many([known.memory.vector_id]),
    "MemoryRows.page": lambda work, known: work.memories.page(known.memory.user_id),
    "MemoryRows.put": lambda work, known: work.memories.put(known.memory),
    "MemoryRows.put_many": lambda work, known: work.memories.put_many([Memory("u", "q"), known.memory]),
    "MemoryRows.delete": lambda work, known: work.memories.delete(known.memory.vector_id),
    "Extensions.settings": lambda work, known: work.extensions.settings(known.extension.name),
    "Extensions.set": lambda work, known: work.extensions.set(known.extension.name, "key", "taken"),
    "Extensions.unset": lambda work, known: work.extensions.unset(known.extension.name, "key"),
    "Extensions.permissions": lambda work, known: work.extensions.permissions(
        known.extension.name, known.profile.user_id
    ),
    "Extensions.grant": lambda work, known: work.extensions.grant(
        known.extension.name, known.profile.user_id, "read", is_granted=False
    ),
    "Extensions.revoke": lambda work, known: work.extensions.revoke(
        known.extension.name, known.profile.user_id, "read"
    ),
    "ExtensionRecords.measure": lambda work, known: work.extension_records.measure(known.metric),
    "ExtensionRecords.metrics": lambda work, known: work.extension_records.metrics(known.extension.name, "calls"),
    "ExtensionRecords.add": lambda work, known: work.extension_records.add(known.event),
    "ExtensionRecords.events": lambda work, known: work.extension_records.events(known.extension.name),
    "Audit.add": lambda work, known: work.audit.add(known.record),
    "Audit.page": lambda work, known: work.audit.page(user_id=known.record.user_id),
}
# These write what is the other tenant's own.
_OWN = {"Extensions.set", "ExtensionRecords.measure", "ExtensionRecords.add", "Audit.add"}
_TABLES = {
    "profiles": "tenant_id = %s",
    "profile_history": "user_id IN (SELECT user_id FROM profiles WHERE tenant_id = %s)",
    "conversations": "tenant_id = %s",
    "messages": "conversation_id IN (SELECT id FROM conversations WHERE tenant_id = %s)",
    "memory": "tenant_id = %s",
    "memory_outbox": "vector_id IN (SELECT vector_id FROM memory WHERE tenant_id = %s)",
    "extension_config": "tenant_id = %s",
    "extension_permissions": "tenant_id = %s",
    "extension_metrics": "tenant_id = %s",
    "extension_audit_log": "tenant_id = %s",
    "audit_log": "tenant_id = %s",
}


def test_no_method_of_a_repository_is_left_out() -> None:
    declared = {
        f"{protocol}.{name}"
        for protocol, one in inspect.getmembers(protocols, inspect.isclass)
        if one.__module__ == protocols.__name__
        for name, _ in inspect.getmembers(one, inspect.isfunction)
        if not name.startswith("_")
    }
    assert declared == set(METHODS) | _SHARED | _ELSEWHERE


@pytest.mark.parametrize("examples", [6, pytest.param(50, marks=pytest.mark.full)])
@pytest.mark.parametrize("method", METHODS)
def test_one_tenant_neither_sees_nor_changes_what_another_has(database: Rows, method: str, examples: int) -> None:
    @settings(max_examples=examples)
    @given(first=names, second=names)
    def check(first: str, second: str) -> None:
        assume(first != second)
        database.run(_keeps_apart(database, METHODS[method], first, second, is_own=method in _OWN))

    check()


async def _keeps_apart(database: Rows, call: Call, first: str, second: str, *, is_own: bool) -> None:
    known = Known()
    async with database.work(first) as work:
        await known.write(work)
    before = await _everything(database, first)
    # A refusal is as good as nothing; it does not say what is there.
    with suppress(Conflict, MissingObject):
        async with database.work(second) as work:
            answer = await call(work, known)
            assert is_own or _is_nothing(answer, known), answer
    assert await _everything(database, first) == before
    # It is its owner's as before, and the other one's own is not among it.
    async with database.work(first) as work:
        assert await work.profiles.get(known.profile.user_id) is not None
        assert (await work.extensions.settings(known.extension.name))["key"].value == "secret"
        assert (await work.extensions.permissions(known.extension.name, known.profile.user_id))["read"].is_granted
        assert len((await work.extension_records.metrics(known.extension.name, "calls")).items) == 1
        assert len((await work.extension_records.events(known.extension.name)).items) == 1
        assert len((await work.audit.page(user_id=known.record.user_id)).items) == 1


def _is_nothing(given: Any, known: Known) -> bool:
    """Whether an answer has nothing of the first tenant; a page may have what earlier examples left to a tenant of that name."""
    if isinstance(given, Page):
        return known.profile.user_id not in repr(given.items)
    return given in (None, False, {}, 0)


async def _everything(database: Rows, tenant: str) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: await database.query(
            f"SELECT one::text, xmin::text FROM {table} AS one WHERE {condition} ORDER BY 1", tenant
        )
        for table, condition in _TABLES.items()
    }


def test_what_is_shared_is_every_tenant_s(database: Rows) -> None:
    async def check() -> None:
        async with database.work("one") as work:
            await work.extensions.put(Extension("shared", "1"))
            await work.configuration.put(SystemSetting("shared", 1))
        async with database.work("two") as work:
            assert (await work.extensions.set_status("shared", "failed")).status == "failed"
            assert await work.configuration.get("shared") is not None
        async with database.work("one") as work:
            extension = await work.extensions.get("shared")
            assert extension is not None
            assert extension.status == "failed"

    database.run(check())


def test_rows_without_a_tenant_are_nobody_s(database: Rows) -> None:
    """Applications that know no tenant write NULL, and profiles for the tenant `default`."""

    async def check() -> None:
        async with database.work("default") as work:
            await work.connection.execute("INSERT INTO memory (vector_id, user_id) VALUES (77, 'u')")
            await work.connection.execute("INSERT INTO profiles (user_id) VALUES ('of an application')")
            assert await work.memories.get(77) is None
            assert await work.profiles.get("of an application") is not None
            with pytest.raises(Conflict, match="the vector_id 77 is taken"):
                await work.memories.put(Memory("u", "q", vector_id=77))

    database.run(check())

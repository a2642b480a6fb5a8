"""The extension registry on a real PostgreSQL: settings, permissions, and what extensions leave."""

from uuid import uuid4

import pytest

from database.errors import InvalidInput, MissingObject
from database.model import Extension, ExtensionEvent, ExtensionMetric
from tests.contract.database.opened import Rows

pytestmark = pytest.mark.contract


def test_extensions_have_settings_of_their_own_and_shared_ones(database: Rows) -> None:
    async def check() -> None:
        async with database.work() as work:
            written = await work.extensions.put(Extension("weather", "1.0", manifest={"entry": "main"}))
            assert (await work.extensions.get("weather")) == written
            assert (await work.extensions.set_status("weather", "enabled")).status == "enabled"
            assert [one.name for one in (await work.extensions.page(status="enabled")).items] == ["weather"]
            await work.connection.execute(
                "INSERT INTO extension_config (extension_id, config_key, config_value) VALUES (%s, 'unit', '\"C\"')",
                [written.id],
            )
            assert {
                key: (one.value, one.is_shared) for key, one in (await work.extensions.settings("weather")).items()
            } == {"unit": ("C", True)}
            await work.extensions.set("weather", "unit", {"name": "F"})
            assert (await work.extensions.settings("weather"))["unit"].value == {"name": "F"}
            assert await work.extensions.unset("weather", "unit")
            assert (await work.extensions.settings("weather"))["unit"].is_shared
            with pytest.raises(MissingObject, match="there is no extension 'none'"):
                await work.extensions.set("none", "a", 1)
            with pytest.raises(MissingObject, match="there is no extension 'none'"):
                await work.extensions.set_status("none", "enabled")

    database.run(check())


def test_what_a_user_may_is_the_user_s_own_or_everybody_s(database: Rows) -> None:
    async def check() -> None:
        name, user = uuid4().hex, uuid4().hex
        async with database.work() as work:
            extension = await work.extensions.put(Extension(name, "1"))
            await work.connection.execute(
                "INSERT INTO extension_permissions (extension_id, permission) VALUES (%s, 'read'), (%s, 'write')",
                [extension.id, extension.id],
            )
            denied = await work.extensions.grant(name, user, "write", is_granted=False, granted_by="root")
            assert (denied.extension, denied.user_id, denied.is_granted, denied.granted_by) == (
                name,
                user,
                False,
                "root",
            )
            found = await work.extensions.permissions(name, user)
            assert {key: (one.user_id, one.is_granted) for key, one in found.items()} == {
                "read": ("*", True), "write": (user, False),
            }  # fmt: skip
            assert (await work.extensions.grant(name, user, "write")).is_granted
            assert await work.extensions.revoke(name, user, "write")
            assert not await work.extensions.revoke(name, user, "write")
            assert (await work.extensions.permissions(name, user))["write"].user_id == "*"
            with pytest.raises(MissingObject, match="there is no extension 'none'"):
                await work.extensions.grant("none", user, "read")
            with pytest.raises(InvalidInput, match="stands for everybody"):
                await work.extensions.grant(name, "*", "read")

    database.run(check())


def test_what_extensions_leave_is_read_from_its_end(database: Rows) -> None:
    async def check() -> None:
        name = uuid4().hex
        async with database.work() as work:
            await work.extensions.put(Extension(name, "1"))
            written = [
                await work.extension_records.measure(ExtensionMetric(name, "calls", number / 4, {"kind": "test"}))
                for number in range(5)
            ]
            first = await work.extension_records.metrics(name, "calls", limit=3)
            second = await work.extension_records.metrics(name, "calls", limit=3, after=first.next)
            assert [*first.items, *second.items] == written[::-1]
            assert second.next is None
            assert (await work.extension_records.metrics(name, "other")).items == ()
            with pytest.raises(MissingObject, match="there is no extension 'none'"):
                await work.extension_records.measure(ExtensionMetric("none", "calls", 1))
            events = [
                await work.extension_records.add(ExtensionEvent(name, action, "user", {"by": action}))
                for action in ("installed", "enabled")
            ]
            assert (await work.extension_records.events(name)).items == tuple(reversed(events))
            await work.connection.execute("DELETE FROM extension_registry WHERE name = %s", [name])
            # The records outlive the extension, and one that is gone gets another.
            gone = await work.extension_records.add(ExtensionEvent(name, "removed"))
            page = await work.extension_records.events(name, limit=2)
            assert page.items == (gone, events[1])
            assert (await work.extension_records.events(name, limit=2, after=page.next)).items == (events[0],)
            assert (await work.extension_records.metrics(name, "calls")).items == ()

    database.run(check())

"""What roles are given when dumps are loaded: in an upgrade of the very server all that they had, elsewhere no way in."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from psycopg import sql

from backup.engines import postgres_logical as logical
from backup.engines import postgres_logical_names as names
from backup.engines import postgres_logical_roles as roles

RIGHTS = {"SUPERUSER": False, "CREATEDB": True, "CREATEROLE": False, "LOGIN": True}
KEEPER: dict[str, Any] = {
    "name": "keeper", "inherit": True, "of": ["readers", "writers"], "rights": RIGHTS, "connections": 3, "until": None,
    "password": "SCRAM-SHA-256$x", "gives": ["readers"],
    "settings": [[None, 'search_path="$user", public'], [None, "app.tenant=a=b {c} 'd"], ["app", "work_mem=8MB"], ["side", "work_mem=9MB"]],
}  # fmt: skip
CONNECTION = {"user": "admin", "database": "app"}
TASK: Any = SimpleNamespace(progress=lambda _: None)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the statements that a server without these roles is sent."""
    found: list[str] = []

    class Opened:
        def execute(self, statement: str | sql.Composed, *_: object) -> Any:
            found.append(statement if isinstance(statement, str) else statement.as_string())
            return SimpleNamespace(fetchall=lambda: [("admin",)])

        def transaction(self) -> Any:
            return nullcontext()

    @contextmanager
    def session(*_: object) -> Iterator[Opened]:
        yield Opened()

    monkeypatch.setattr(roles, "session", session)
    return found


def test_in_an_upgrade_a_role_keeps_its_settings_and_what_it_may_give_on(asked: list[str]) -> None:
    connection = {**CONNECTION, "logins": True}
    roles.create(connection, [KEEPER], "admin", TASK)
    assert """ALTER ROLE "keeper" SET "search_path" TO "$user", public""" in asked
    assert """ALTER ROLE "keeper" SET "app"."tenant" TO 'a=b {c} ''d'""" in asked
    assert [one for one in asked if one.startswith("GRANT")] == [
        'GRANT "readers" TO "keeper" WITH ADMIN OPTION',
        'GRANT "writers" TO "keeper"',
    ]
    assert not any("work_mem" in one for one in asked)
    asked.clear()
    roles.settle(connection, [KEEPER], "app", "restoring_app", TASK)
    assert asked == ["""ALTER ROLE "keeper" IN DATABASE "restoring_app" SET "work_mem" TO '8MB'"""]


def test_elsewhere_it_has_neither(asked: list[str]) -> None:
    roles.create(CONNECTION, [KEEPER], "admin", TASK)
    roles.settle(CONNECTION, [KEEPER], "app", "restoring_app", TASK)
    assert not any("SET" in one or "ADMIN OPTION" in one or "SCRAM" in one for one in asked)


@pytest.mark.parametrize("logins", [True, False])
def test_an_upgrade_keeps_the_passwords_with_which_databases_log_in_elsewhere(
    logins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    for name in ("create", "restore", "_compare", "mask", "forget_mappings"):
        monkeypatch.setattr(logical, name, lambda *_, name=name: done.append(name))
    for module, called in ((roles, ("create", "adopt", "settle")), (names, ("let_in", "remove"))):
        for name in called:
            monkeypatch.setattr(module, name, lambda *_: None)
    monkeypatch.setattr(names, "renamed", lambda *_: {"app": "app"})
    taken: Any = SimpleNamespace(details={"user": "admin", "database": "app", "databases": {"app": {}}})
    source: Any = SimpleNamespace(file=lambda _: nullcontext(io.BytesIO(b"[]")))
    task: Any = SimpleNamespace(staging=None, progress=None)
    logical.load({**CONNECTION, "logins": logins}, source, taken, task)
    assert ("forget_mappings" in done) is not logins

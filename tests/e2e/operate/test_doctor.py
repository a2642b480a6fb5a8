"""`./karen doctor` on a live stack: nothing to complain of; and each thing that is put wrong is named with its fix."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import docker
import pytest
from psycopg import sql

from components.naming import STACK_LABEL
from tests.e2e import clients
from tests.e2e.live import LiveStack
from tests.e2e.operate.test_servers import document, karen

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def findings(stack: LiveStack, *, code: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(karen(stack, "doctor", "--json", code=code).stdout)["findings"]
    return found


def test_a_healthy_stack_has_no_problem(stack: LiveStack) -> None:
    found = document(stack, "doctor")
    assert found["healthy"]
    assert len({one["check"] for one in found["findings"]}) >= 15


@contextmanager
def paused(stack: LiveStack) -> Iterator[tuple[str, str, str]]:
    client = docker.from_env()
    container = client.containers.get(stack.container("redis"))
    container.pause()
    try:
        yield "servers", "redis is paused", f"docker unpause {container.name}"
    finally:
        container.unpause()
        client.close()


@contextmanager
def another_password(stack: LiveStack) -> Iterator[tuple[str, str, str]]:
    env = stack.administrators()
    change = "ALTER ROLE {} PASSWORD {}"
    with clients.postgres(env) as connection:
        name = sql.Identifier(env["POSTGRES_USER"])
        connection.execute(sql.SQL(change).format(name, sql.Literal("another-one")))
        try:
            yield "passwords", "postgres does not accept what Pulumi generated", "restore the stack's state"
        finally:
            connection.execute(sql.SQL(change).format(name, sql.Literal(env["POSTGRES_PASSWORD"])))


@contextmanager
def orphaned(stack: LiveStack) -> Iterator[tuple[str, str, str]]:
    client = docker.from_env()
    volume = client.volumes.create(f"{stack.container('lost')}-data", labels={STACK_LABEL: stack.name})
    try:
        yield "orphans", f"Pulumi does not know of volume {volume.name}", "make up STACK=test"
    finally:
        volume.remove()
        client.close()


@contextmanager
def dropped(stack: LiveStack) -> Iterator[tuple[str, str, str]]:
    with clients.postgres(stack.variables()) as connection:
        connection.execute("ALTER TABLE memory ADD COLUMN by_hand integer")
        try:
            yield "drift", "column memory.by_hand was added", "./karen migrate repair postgres"
        finally:
            connection.execute("ALTER TABLE memory DROP COLUMN by_hand")


@pytest.mark.parametrize(("wrong", "code"), [(paused, 1), (another_password, 1), (orphaned, 0), (dropped, 0)])
def test_what_is_wrong_is_named_with_its_fix(stack: LiveStack, wrong: Any, code: int) -> None:
    context: AbstractContextManager[tuple[str, str, str]] = wrong(stack)
    with context as (check, message, fix):
        found = findings(stack, code=code)
    assert any(one["check"] == check and message in one["message"] and fix in one["fix"] for one in found), found

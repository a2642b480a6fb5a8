"""The audit on a live stack: commands and direct updates are recorded, PostgreSQL and sets remember how far, and a change is seen."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg import sql

from ops.audit import record
from tests.e2e import clients
from tests.e2e.live import LiveStack
from tests.e2e.operate.test_servers import document, karen

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@contextmanager
def replaced(stack: LiveStack, lines: list[bytes]) -> Iterator[None]:
    """Have other lines in the record for a while."""
    path = record.path(stack.name)
    before = path.read_bytes()
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    try:
        yield
    finally:
        path.write_bytes(before)


def last(stack: LiveStack, count: int = 1) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document(stack, "audit", "show", "--last", str(count))["shown"]
    return found


def test_commands_and_direct_updates_are_recorded_and_told_apart(stack: LiveStack) -> None:
    stack.up()
    karen(stack, "restart", "redis")
    restarted, updated = last(stack, 2)[::-1]
    assert (restarted["command"], restarted["arguments"], restarted["result"]) == (
        "karen restart", {"services": ["redis"]}, "done"
    )  # fmt: skip
    assert (updated["event"], updated["direct"], updated["result"]) == ("update", True, "succeeded")
    karen(stack, "reset", "--yes")
    (reset,) = last(stack)
    # What the command had Pulumi do is its own.
    assert (reset["command"], reset["result"]) == ("karen reset", "done")
    assert len(reset["updates"]) == 1
    text = record.path(stack.name).read_text()
    for value in stack.variables().values():
        assert len(value) < 12 or value not in text


def test_postgres_and_sets_remember_how_far_it_goes(stack: LiveStack) -> None:
    karen(stack, "restart", "redis")
    made = document(stack, "backup", "create", "--only", "redis")["set"]
    found = document(stack, "audit", "verify")
    assert (found["whole"], found["unasked"]) == (True, [])
    lines = record.lines_of(stack.name)
    assert found["head"]["number"] == len(lines)
    assert found["anchored"]["PostgreSQL"] == len(lines)
    # The set knows of the command that makes it.
    assert found["anchored"][f"set {made['id']}"] == len(lines) - 1
    with replaced(stack, lines[:-2]):
        told = json.loads(karen(stack, "audit", "verify", "--json", code=1).stdout)["problems"]
        assert len(told) >= 2
        assert any("PostgreSQL remembers" in text and "the end was cut off" in text for text in told)
        assert any(f"set {made['id']} remembers" in text for text in told)
    with replaced(stack, [*lines[:-3], lines[-3].replace(b'"event"', b'"Event"'), *lines[-2:]]):
        karen(stack, "audit", "verify", code=1)
    karen(stack, "audit", "verify")


def test_a_table_of_anchors_that_was_dropped_is_told_until_the_next_command(stack: LiveStack) -> None:
    with clients.postgres(stack.administrators()) as connection:
        row = connection.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'audit_anchors'").fetchone()
        assert row is not None
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(row[0], "audit_anchors")))
    told = document(stack, "audit", "verify")
    assert any("PostgreSQL remembers nothing of it" in text for text in told["notices"])
    assert "PostgreSQL" not in told["anchored"]
    karen(stack, "restart", "redis")
    told = document(stack, "audit", "verify")
    assert not any("remembers nothing" in text for text in told["notices"])
    assert told["anchored"]["PostgreSQL"] == told["head"]["number"]


def test_without_postgres_commands_go_on_and_the_next_one_tells_it(stack: LiveStack) -> None:
    stopped = karen(stack, "stop", "postgres")
    assert "PostgreSQL could not be told how far the record goes: postgres does not run" in stopped.stderr
    asked = json.loads(karen(stack, "audit", "verify", "--json", code=2).stdout)
    assert asked["whole"]
    assert any("PostgreSQL was not asked" in text for text in asked["unasked"])
    karen(stack, "start", "postgres")
    assert document(stack, "audit", "verify")["anchored"]["PostgreSQL"] == len(record.lines_of(stack.name))

"""PostgreSQL's part of a set against `pg_basebackup` by hand: as it is, and compressed as a set is."""

import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.jobs import backing_up, job
from bench.measure import Ratio, compare
from init.engines.postgres_connection import Connection
from tests.contract.backup.postgres_servers import Servers
from tests.contract.containers import Contract
from tests.contract.servers import PASSWORD

_MESSAGES, _EVENTS, _MEASURED = 300_000, 250_000, 600_000
_GOAL = 1.25
_ROUNDS = 5
_TABLES = """
CREATE TABLE messages (id bigint PRIMARY KEY, conversation uuid, role text, content text, made_at timestamptz, tokens int);
CREATE TABLE events (id bigint PRIMARY KEY, kind text, made_at timestamptz, data jsonb);
CREATE TABLE measured (id bigint, sensor int, made_at timestamptz, value double precision, price numeric(12, 4));
"""
_INDEXES = """
CREATE INDEX ON messages (conversation);
CREATE INDEX ON measured (sensor, made_at);
"""
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def run() -> Iterator[Ratio]:
    """Measure both against the same server, from programs in the toolbox's image to the same volume."""
    # The job first: it makes the volume, with the session's label.
    with Contract.session("bench-postgres-backup") as contract, job(contract, "toolbox") as toolbox:
        servers = Servers(contract)
        servers.start("source", "karen", PASSWORD, "karen")
        with servers.session("source") as opened:
            size = _fill(opened)
        connection = servers.connections["source"]
        command = backing_up(toolbox, "postgres", connection)
        by_hand = ["pg_basebackup", "-h", str(connection["host"]), "-U", "karen", "-w", "-c", "fast", "-X", "fetch"]
        by_hand += ["-Ft", "-D", "by-hand"]

        def ours() -> float:
            return toolbox.seconds(command)

        for name, options in (("pg_basebackup", []), ("pg_basebackup, zstd", ["--compress=client-zstd:3"])):

            def theirs(options: list[str] = options) -> float:
                return toolbox.seconds([*by_hand, *options], {"PGPASSWORD": PASSWORD})

            ours(), theirs()
            label = f"backup of {size / 1e6:.0f} MB / {name}"
            yield compare(label, ours, theirs, goal=_GOAL, rounds=_ROUNDS)


def _fill(opened: Connection) -> int:
    """Put text, documents and numbers there, settled as in a server that has run for a while; return the bytes."""
    opened.execute(_TABLES.encode())
    chosen = random.Random(1)  # noqa: S311 - contents, not secrets
    words = _words(chosen)
    for table, rows in (
        ("messages", _messages(chosen, words)),
        ("events", _events(chosen, words)),
        ("measured", _measured(chosen)),
    ):
        with opened.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
            for one in rows:
                copy.write_row(one)
    opened.execute(_INDEXES.encode())
    opened.execute("VACUUM (ANALYZE, FREEZE)")
    opened.execute("CHECKPOINT")
    row = opened.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])


def _words(chosen: random.Random) -> list[str]:
    letters = "aaabcdeeeefghiiklmnnooprrssttuvwy"
    return ["".join(chosen.choices(letters, k=chosen.randint(2, 11))) for _ in range(20_000)]


def _text(chosen: random.Random, words: list[str], count: int) -> str:
    # As in a language, some words are frequent.
    return " ".join(words[int(len(words) * chosen.random() ** 3)] for _ in range(count))


def _at(number: int) -> datetime:
    return _BEGAN + timedelta(milliseconds=617 * number)


def _messages(chosen: random.Random, words: list[str]) -> Iterator[tuple[Any, ...]]:
    for number in range(_MESSAGES):
        conversation = uuid.UUID(int=random.Random(number // 20).getrandbits(128))  # noqa: S311 - see above
        text = _text(chosen, words, chosen.randint(10, 70))
        yield number, conversation, ("user", "assistant")[number % 2], text, _at(number), len(text) // 4


def _events(chosen: random.Random, words: list[str]) -> Iterator[tuple[Any, ...]]:
    for number in range(_EVENTS):
        data = {
            "tenant": f"tenant-{chosen.randint(1, 97)}",
            "score": chosen.random(),
            "tags": chosen.choices(words, k=3),
            "source": {"address": f"10.0.{chosen.randint(0, 255)}.{chosen.randint(0, 255)}", "retries": number % 4},
            "note": _text(chosen, words, 6),
        }
        yield number, ("opened", "closed", "recalled")[number % 3], _at(number), json.dumps(data)


def _measured(chosen: random.Random) -> Iterator[tuple[Any, ...]]:
    for number in range(_MEASURED):
        yield number, number % 211, _at(number), chosen.gauss(20, 5), round(chosen.uniform(1, 5000), 4)

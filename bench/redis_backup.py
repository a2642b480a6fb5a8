"""Redis' part of a set against `redis-cli --rdb` by hand."""

import json
import os
import random
import time
from collections.abc import Iterable, Iterator
from typing import Any

import redis

from bench.jobs import backing_up, job
from bench.measure import Ratio, compare
from tests.contract.containers import Contract
from tests.contract.servers import PASSWORD

_GOAL = 1.25
_ROUNDS = 5
_IN_PIPELINE = 2_000
_SESSIONS, _PROFILES, _VECTORS, _TIMELINES, _RANKINGS = 120_000, 60_000, 12_000, 8_000, 3_000


def run() -> Ratio:
    """Measure both against the same server, each from its own image to the same volume."""
    with Contract.session("bench-redis-backup") as contract:
        contract.healthy("redis")
        host = contract.address("redis")
        with redis.Redis(host=host, username="default", password=PASSWORD) as client:
            size = _fill(client)
        connection = {"host": host, "port": 6379, "username": "default", "password": PASSWORD}
        with job(contract, "toolbox") as toolbox, job(contract, "redis") as server_image:
            command = backing_up(toolbox, "redis", connection)
            by_hand = ["redis-cli", "-h", host, "--rdb", "dump.rdb"]

            def ours() -> float:
                return toolbox.seconds(command)

            def theirs() -> float:
                return server_image.seconds(by_hand, {"REDISCLI_AUTH": PASSWORD})

            ours(), theirs()
            return compare(f"backup of {size / 1e6:.0f} MB / redis-cli --rdb", ours, theirs, goal=_GOAL, rounds=_ROUNDS)


def _fill(client: "redis.Redis") -> int:
    """Put strings, hashes, vectors, lists and sorted sets there, and wait until nothing is saved; return the bytes in memory."""
    # As the component has it; and no save begins by itself.
    client.config_set("repl-diskless-sync-delay", 0)
    client.config_set("save", "")
    client.config_set("auto-aof-rewrite-percentage", 0)
    chosen = random.Random(1)  # noqa: S311 - contents, not secrets
    pipeline: Any = client.pipeline(transaction=False)
    for number, (command, *words) in enumerate(_commands(chosen), 1):
        pipeline.execute_command(command, *words)
        if number % _IN_PIPELINE == 0:
            pipeline.execute()
    pipeline.execute()
    while (facts := _facts(client))["aof_rewrite_in_progress"] or facts["rdb_bgsave_in_progress"]:
        time.sleep(0.2)
    return int(facts["used_memory_dataset"])


def _facts(client: "redis.Redis") -> dict[str, Any]:
    facts: dict[str, Any] = client.info("all")
    return facts


def _commands(chosen: random.Random) -> Iterator[Iterable[Any]]:
    words = [
        "".join(chosen.choices("aaabcdeeeefghiiklmnnooprrssttuvwy", k=chosen.randint(2, 11))) for _ in range(5_000)
    ]
    for number in range(_SESSIONS):
        session = {
            "user": f"u{number % 9973}",
            "seen": 1_760_000_000 + number,
            "text": " ".join(chosen.choices(words, k=40)),
        }
        yield "SET", f"session:{number}", json.dumps(session), "EX", 86_400 + number
    for number in range(_PROFILES):
        fields = {"name": chosen.choice(words), "plan": ("free", "team")[number % 2], "visits": chosen.randint(0, 5000)}
        tail = {f"preference {place}": chosen.choice(words) for place in range(6)}
        yield "HSET", f"profile:{number}", *(part for pair in {**fields, **tail}.items() for part in pair)
    for number in range(_VECTORS):
        # 768 halves of a model's vector, which nothing compresses.
        yield "SET", f"vector:{number}", os.urandom(1536 * 2)
    for number in range(_TIMELINES):
        yield "RPUSH", f"timeline:{number}", *(" ".join(chosen.choices(words, k=8)) for _ in range(40))
    for number in range(_RANKINGS):
        yield (
            "ZADD",
            f"ranking:{number}",
            *(part for one in range(200) for part in (chosen.random(), f"{chosen.choice(words)}{one}")),
        )

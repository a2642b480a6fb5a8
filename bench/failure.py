"""From the moment a container ends at its start to the failed `up`."""

import statistics
import time

import docker

from bench.live import BenchStack
from bench.measure import Ratio

ROUNDS = 3


def run(stack: BenchStack) -> Ratio:
    """Spoil PostgreSQL's volume, and measure from the end of its container to the end of the `up`."""
    taken = [_once(stack) for _ in range(ROUNDS)]
    return Ratio(
        name="seconds from a container's exit to the failed up",
        value=statistics.median(taken),
        goal=3.0,
        detail=f"s, {ROUNDS} rounds",
    )


def _once(stack: BenchStack) -> float:
    """Give the data volume another version's mark, which the server refuses; repair it afterwards."""
    stack.mark_postgres("9.6")
    client = docker.from_env()
    try:
        began = time.time()
        done = stack.pulumi("up", "--yes", "--skip-preview", "--refresh", check=False)
        ended = time.time()
        assert done.returncode != 0
        died = next(
            event["timeNano"] / 1e9
            for event in client.api.events(
                since=int(began), until=int(ended) + 1, decode=True, filters={"event": "die"}
            )
            if event["Actor"]["Attributes"].get("name") == stack.container("postgres")
        )
    finally:
        client.close()
    stack.mark_postgres("17")
    stack.up("--refresh")
    return ended - float(died)

"""From the moment a container ends at its start to the failed `up`."""

import statistics
import time

import docker

from bench.live import BenchStack
from bench.measure import Ratio

ROUNDS = 3
_DATA = "/var/lib/postgresql/data"


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
    client = docker.from_env()
    try:
        name = stack.container("postgres")
        image = client.containers.get(name).image
        assert image is not None
        client.containers.get(name).remove(force=True)
        spoil = f"echo 9.6 > {_DATA}/pgdata/PG_VERSION"
        volume = {f"ai-karen-{stack.name}-postgres-data": {"bind": _DATA, "mode": "rw"}}
        client.containers.run(image.tags[0], ["-c", spoil], entrypoint="sh", volumes=volume, remove=True)
        began = time.time()
        done = stack.pulumi("up", "--yes", "--skip-preview", "--refresh", check=False)
        ended = time.time()
        assert done.returncode != 0
        assert "incompatible" in done.stdout
        died = next(
            event["timeNano"] / 1e9
            for event in client.api.events(
                since=int(began), until=int(ended) + 1, decode=True, filters={"event": "die"}
            )
            if event["Actor"]["Attributes"].get("name") == name
        )
        repair = f"echo 17 > {_DATA}/pgdata/PG_VERSION"
        client.containers.run(image.tags[0], ["-c", repair], entrypoint="sh", volumes=volume, remove=True)
        stack.up("--refresh")
        return ended - float(died)
    finally:
        client.close()

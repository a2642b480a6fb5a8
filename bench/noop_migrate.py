"""A `./karen migrate up` with nothing to do against importing every client and connecting once, in a container as jobs are."""

import json
import subprocess
from pathlib import Path
from typing import Any

from bench.live import BenchStack
from bench.measure import Ratio, compare, seconds
from bootstrap import places

# One process, one engine after the other: what a script would do.
_CONNECT = """
import json, sys
from init.engines import load
for name, connection in json.load(sys.stdin).items():
    driver = load(name)
    driver.connect(connection)
    driver.ledger()
    driver.close()
"""
_MIGRATED = ("postgres", "duckdb", "elasticsearch", "milvus", "minio")


def run(stack: BenchStack) -> Ratio:
    """Measure both on a stack that is up."""
    job = stack.outputs()["operations"]["verification"]
    connections = {name: job["engines"][name] for name in _MIGRATED}
    command = ["docker", "run", "--rm", "-i", "--network", job["network"], "--user", job["user"], "--read-only"]
    command += [part for path, volume in job["volumes"].items() for part in ("-v", f"{volume}:{path}")]
    command += ["--entrypoint", "python", job["image"], "-c", _CONNECT]
    karen = [str(Path(places.CHECKOUT, "karen")), "migrate", "up", "--stack", stack.name]

    def done(arguments: list[str], given: dict[str, Any] | None = None) -> None:
        text = json.dumps(given) if given is not None else None
        subprocess.run(arguments, input=text, text=True, check=True, capture_output=True)

    return compare(
        "no-op migrate up / import clients, connect once",
        lambda: seconds(lambda: done(karen)),
        lambda: seconds(lambda: done(command, connections)),
        goal=1.5,
        rounds=5,
    )

"""A cold `up`, initialization and verification included, against Compose without any; and what is left after health."""

import json
import statistics
import tempfile
import time
from pathlib import Path

from bench import compose
from bench.live import BenchStack
from bench.measure import Ratio, compare, seconds

ROUNDS = 3


def run(stack: BenchStack) -> list[Ratio]:
    """Measure both in turn, images present, volumes empty; leaves the stack up."""
    after: list[float] = []
    with tempfile.TemporaryDirectory(prefix="karen-bench-") as directory:
        file = Path(directory) / "compose.json"
        compose.binary()
        stack.up()

        def ours() -> float:
            compose.write(file, stack.name)
            stack.pulumi("destroy", "--yes", "--skip-preview")
            taken = seconds(stack.up)
            after.append(time.time() - _last_healthy(stack))
            return taken

        def theirs() -> float:
            compose.write(file, stack.name)
            try:
                return seconds(lambda: compose.up(file))
            finally:
                compose.down(file)

        ratio = compare("cold up / compose up -d --wait", ours, theirs, goal=1.25, rounds=ROUNDS)
    left = statistics.median(after)
    return [
        ratio,
        Ratio(name="seconds after the last engine was healthy", value=left, goal=2.0, detail=f"s, {ROUNDS} rounds"),
    ]


def _last_healthy(stack: BenchStack) -> float:
    """Return when the last engine was seen healthy (Unix seconds), as the initializations recorded it."""
    state = json.loads(stack.pulumi("stack", "export").stdout)
    resources = state["deployment"]["resources"]
    return max(float(one["outputs"]["healthy_at"]) for one in resources if one["type"].endswith("karen:Initialization"))

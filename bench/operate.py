"""The commands that must be quick, each against the seconds that it may take."""

import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.live import BenchStack
from bench.measure import Ratio, seconds
from bootstrap import places

_ROUNDS = 5
# Command, seconds it may take, and how often it is measured.
_COMMANDS = ((("status",), 1.0, _ROUNDS), (("doctor",), 5.0, _ROUNDS), (("reset", "--yes"), 30.0, 1))


def run(stack: BenchStack) -> Iterator[Ratio]:
    """Measure each on a stack that is up and healthy."""
    for arguments, limit, rounds in _COMMANDS:
        command = [str(Path(places.CHECKOUT, "karen")), *arguments, "--stack", stack.name]

        def done(command: list[str] = command) -> None:
            subprocess.run(command, check=True, capture_output=True)

        taken = statistics.median(seconds(done) for _ in range(rounds))
        name = f"karen {arguments[0]} / {limit:.0f} s"
        yield Ratio(name=name, value=taken / limit, goal=1.0, detail=f"{taken:.2f} s, median of {rounds}")

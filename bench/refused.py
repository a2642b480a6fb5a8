"""A preview of settings that cannot work, against the seconds in which each has to be refused, and against one that goes through."""

import statistics
from collections.abc import Iterator, Mapping

from bench.live import BenchStack
from bench.measure import Ratio, seconds
from tests.unit.test_bad_configuration import BAD

_SECONDS = 2.0
_SETTINGS = {"imageSource": "build"}


class _Refused(BenchStack):
    def __init__(self) -> None:
        super().__init__()
        self.name = "bench-refused"


def cases() -> dict[str, Mapping[str, str]]:
    """Return one configuration for each kind of error and each key that it is about."""
    return {f"{kind}: {key}": values for kind, key, values, _ in BAD}


def run() -> Iterator[Ratio]:
    """Measure `pulumi preview` for every case, on a stack without anything; an error that does not name its key ends it."""
    stack = _Refused()
    stack.create()
    try:
        taken = {name: _refused(stack, name, values) for name, values in cases().items()}
        stack.settings = dict(_SETTINGS)
        stack.configure()
        whole = statistics.median(seconds(lambda: stack.pulumi("preview")) for _ in range(3))
    finally:
        stack.erase()
    slowest = max(taken, key=lambda name: taken[name])
    told = f"{taken[slowest]:.2f} s ({slowest}) of {len(taken)}, median {statistics.median(taken.values()):.2f} s"
    yield Ratio(name="slowest refused preview / 2 s", value=taken[slowest] / _SECONDS, goal=1.0, detail=told)
    ratio = statistics.median(taken.values()) / whole
    yield Ratio(name="refused preview / preview", value=ratio, goal=0.5, detail=f"{whole:.2f} s for the whole preview")


def _refused(stack: BenchStack, name: str, values: Mapping[str, str]) -> float:
    stack.settings = {**_SETTINGS, **values}
    stack.configure()
    printed: list[str] = []

    def preview() -> None:
        done = stack.pulumi("preview", check=False)
        printed.append(done.stdout if done.returncode else "")

    taken = seconds(preview)
    key = name.partition(": ")[2]
    if f"ai-karen-db:{key}" not in printed[0] or "Fix:" not in printed[0]:
        raise RuntimeError(f"{name} was not refused by its name:\n{printed[0]}")
    return taken

"""Timing two ways of doing a thing in turn, so that a machine whose speed drifts slows both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """A measured ratio of medians with its goal; `detail` says what was divided by what, in units."""

    name: str
    value: float
    goal: float
    detail: str

    def line(self) -> str:
        """Return one line of the report."""
        verdict = "ok" if self.value <= self.goal else "MISSED"
        return f"{self.name:<46} {self.value:7.2f}  goal ≤ {self.goal:<5} {verdict:<7} {self.detail}"


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action took."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def compare(
    name: str, ours: Callable[[], float], theirs: Callable[[], float], *, goal: float, rounds: int, unit: str = "s"
) -> Ratio:
    """Measure ours and theirs in turn (A B A B …) and return the ratio of their medians."""
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Ratio(
        name=name, value=first / second, goal=goal, detail=f"{first:.2f} / {second:.2f} {unit}, {rounds} rounds"
    )

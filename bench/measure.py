"""Timing two ways of doing a thing in turn, so that a machine whose speed drifts slows both."""

import statistics
import time
from collections.abc import Awaitable, Callable
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


_UNITS = {"s": 1.0, "ms": 1e3, "µs": 1e6}
Call = Callable[[], Awaitable[object]]


async def alternated(
    name: str, ours: Call, theirs: Call, *, goal: float, calls: int, unit: str, before: Call | None = None
) -> Ratio:
    """Measure single calls in turn (A B B A …) and return the ratio of their medians; `before` each call is not measured.

    One call after the other, and not many of one kind, so that whatever else the machine does meets both.
    """
    taken: dict[Call, list[float]] = {ours: [], theirs: []}
    for number in range(calls + 1):
        for call in (ours, theirs) if number % 2 else (theirs, ours):
            if before is not None:
                await before()
            started = time.perf_counter()
            await call()
            # The first call of each kind connects, and prepares.
            if number:
                taken[call].append(time.perf_counter() - started)
    first, second = (statistics.median(taken[call]) for call in (ours, theirs))
    factor = _UNITS[unit]
    detail = f"{first * factor:.1f} / {second * factor:.1f} {unit}, {calls} calls"
    return Ratio(name=name, value=first / second, goal=goal, detail=detail)

"""Two sides compared by key, in the order of the key: of each side one entry is in memory."""

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from backup.reconcile.model import Memory

MISSING, STALE, ORPHANED = "missing", "stale", "orphaned"
KINDS = (MISSING, STALE, ORPHANED)


def _none() -> dict[str, "array[int]"]:
    return {kind: array("q") for kind in KINDS}


@dataclass
class Differences:
    """What differs, as keys by kind in 8 bytes each; `rows` and `held` count both sides.

    Of a key that is held twice, the second is an orphan.
    """

    rows: int = 0
    held: int = 0
    keys: Mapping[str, "array[int]"] = field(default_factory=_none)

    @property
    def total(self) -> int:
        """Return how many differences there are."""
        return sum(len(keys) for keys in self.keys.values())

    @property
    def counts(self) -> dict[str, int]:
        """Return their number by kind."""
        return {kind: len(self.keys[kind]) for kind in KINDS}


def compare(
    memories: Iterator[Memory],
    held: Iterator[tuple[int, Any]],
    agrees: Callable[[Memory, Any], bool],
    tell: Callable[[int], None] = lambda _: None,
) -> Differences:
    """Compare both, which come in the order of their keys; `tell` is called with the number of rows so far."""
    found = Differences()

    def following() -> tuple[int, Any] | None:
        one = next(held, None)
        found.held += one is not None
        return one

    memory, other = next(memories, None), following()
    while memory is not None or other is not None:
        if memory is None or (other is not None and other[0] < memory.key):
            assert other is not None
            found.keys[ORPHANED].append(other[0])
            other = following()
            continue
        if other is None or memory.key < other[0]:
            found.keys[MISSING].append(memory.key)
        else:
            if not agrees(memory, other[1]):
                found.keys[STALE].append(memory.key)
            other = following()
            while other is not None and other[0] == memory.key:
                found.keys[ORPHANED].append(other[0])
                other = following()
        found.rows += 1
        tell(found.rows)
        memory = next(memories, None)
    return found

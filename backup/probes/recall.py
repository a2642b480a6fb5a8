"""How much of what is nearest a search has found. Nearness is compared, not keys: of equals, any will do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LIMIT = 10
SAMPLE = 20
_TOLERANCE = 1e-4
Vectors = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Metric:
    """A way to measure nearness; `scores` are higher the nearer."""

    name: str

    @classmethod
    def of(cls, name: str) -> "Metric":
        """Return the one that an index has; L2 where none is named."""
        return cls(name if name in ("IP", "COSINE") else "L2")

    def scores(self, vectors: Vectors, one: Vectors) -> Vectors:
        """Return how near each row of `vectors`, of shape (rows, dimension), is to `one`, of shape (dimension,)."""
        if self.name == "L2":
            return np.asarray(-np.square(vectors - one).sum(axis=1), dtype=np.float32)
        if self.name == "COSINE":
            lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(one)
            return np.asarray(vectors @ one / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)
        return np.asarray(vectors @ one, dtype=np.float32)

    def score(self, distance: float) -> float:
        """Return what the server calls a distance as a score."""
        return -distance if self.name == "L2" else distance


def exact(
    metric: Metric, vectors: Vectors, keys: Sequence[Any], chosen: Indices, found: Sequence[Sequence[Any]]
) -> float:
    """Return which part of the `LIMIT` nearest of all vectors was found, over the chosen ones.

    `vectors` has a row for each of `keys`, `chosen` are row numbers, `found` has the keys that a search for each answered.
    """
    rows = {key: number for number, key in enumerate(keys)}
    hits = wanted = 0
    for number, answer in zip(chosen, found, strict=True):
        scores = metric.scores(vectors, vectors[number])
        count = min(LIMIT, len(keys))
        least = float(np.partition(scores, len(keys) - count)[len(keys) - count])
        near = least - _slack(least)
        hits += min(count, sum(key in rows and float(scores[rows[key]]) >= near for key in set(answer)))
        wanted += count
    return hits / wanted


def itself(
    metric: Metric,
    vectors: Vectors,
    keys: Sequence[Any],
    chosen: Indices,
    found: Sequence[Sequence[tuple[Any, float]]],
) -> float:
    """Return how often a vector finds itself, or only what is as near: where not all vectors are known."""
    hits = 0
    for number, answer in zip(chosen, found, strict=True):
        own = float(metric.scores(vectors[number : number + 1], vectors[number])[0])
        near = own - _slack(own)
        hits += keys[number] in [key for key, _ in answer] or (
            bool(answer) and all(metric.score(distance) >= near for _, distance in answer)
        )
    return hits / len(chosen)


def _slack(score: float) -> float:
    return _TOLERANCE * max(1.0, abs(score))

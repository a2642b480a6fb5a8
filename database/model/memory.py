"""A remembered exchange: a row in PostgreSQL, a document in Elasticsearch and a vector in Milvus under one key."""

import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from database.errors import DimensionMismatch
from database.model import checks

# What migrations make the index and the collection for; Milvus keeps 64 bytes of each name.
DIMENSIONS = 384
_LENGTH_TOLERANCE = 0.01


def new_key() -> int:
    """Return a key that nobody has yet: 62 random bits."""
    return secrets.randbits(62)


@dataclass(frozen=True, slots=True)
class Memory:
    """What a user asked and was answered. `result` is JSON as text, `timestamp` Unix time in seconds.

    `embedding` has 384 numbers and length 1: search is by inner product. Without one, a vector that is there stays.
    """

    user_id: str
    query: str
    result: str | None = None
    embedding: Sequence[float] | None = field(default=None, repr=False)
    session_id: str | None = None
    timestamp: int = field(default_factory=lambda: int(time.time()))
    vector_id: int = field(default_factory=new_key)

    def __post_init__(self) -> None:
        """Check what one of the three engines would refuse; InvalidInput or DimensionMismatch."""
        checks.identifier(self.user_id, "user_id", engine="postgres")
        checks.text(self.query, "query", engine="postgres")
        if self.result is not None:
            checks.text(self.result, "result", engine="postgres")
        checks.optional(self.session_id, "session_id", engine="postgres")
        checks.moment(self.timestamp, "timestamp", engine="postgres")
        checks.number(self.vector_id, "vector_id", engine="postgres")
        if self.embedding is not None:
            object.__setattr__(self, "embedding", embedding(self.embedding))


def embedding(values: Sequence[float], *, dimensions: int = DIMENSIONS) -> tuple[float, ...]:
    """Return a normalised vector as numbers; DimensionMismatch, or InvalidInput where it is not finite or not of length 1."""
    try:
        numbers = tuple(map(float, values))
    except (TypeError, ValueError, OverflowError):
        checks.refuse("milvus", "check", "the embedding is not a list of numbers", f"give {dimensions} numbers")
    if len(numbers) != dimensions:
        raise DimensionMismatch(
            f"the embedding has {len(numbers)} dimensions; the collection has {dimensions}",
            "milvus",
            "check",
            "use the model that memory.embedding_model in system_config names",
        )
    length = math.hypot(*numbers)
    if not math.isfinite(length) or abs(length - 1) > _LENGTH_TOLERANCE:
        checks.refuse(
            "milvus",
            "check",
            f"the embedding has the length {length:.4g}; allowed: 1",
            "divide each number by that length",
        )
    return numbers

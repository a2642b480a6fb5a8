"""What would be lost by ways back, as far as their texts tell. Pure."""

import re
from collections.abc import Iterable, Mapping


def named_by(bodies: Iterable[str], counts: Mapping[str, int]) -> dict[str, int]:
    """Return those of the counted tables, indices, collections and buckets that texts name, by themselves or by a version."""
    whole = "\n".join(bodies)
    return {name: count for name, count in counts.items() if _is_named(whole, name)}


def _is_named(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(_v\d+)?(?![\w-])", text) is not None

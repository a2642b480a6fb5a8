"""What a reset removes, as the engines count it. Pure."""

from collections.abc import Mapping

# A number, `{"at_least": number}` where counting ended before the end, None where nothing could be counted.
Count = int | Mapping[str, int] | None
Contents = Mapping[str, Mapping[str, Count]]
_SHOWN = 6
# What an engine holds, one of it and several.
_KINDS = {
    "postgres": ("row", "rows"),
    "duckdb": ("row", "rows"),
    "redis": ("key", "keys"),
    "elasticsearch": ("document", "documents"),
    "milvus": ("entity", "entities"),
    "minio": ("object", "objects"),
}


def losses(found: Contents) -> list[str]:
    """Return a line for each engine that holds something, or may: what could not be counted first, then the largest parts."""
    lines = [_line(engine, counts) for engine, counts in sorted(found.items()) if any(map(_may_hold, counts.values()))]
    return lines or ["no engine holds anything"]


def _line(engine: str, counts: Mapping[str, Count]) -> str:
    held = [(name, count) for name, count in counts.items() if _may_hold(count)]
    held.sort(key=lambda one: (one[1] is not None, -_least(one[1]), one[0]))
    parts = [f"{name} {_shown(count)}" for name, count in held[:_SHOWN]]
    parts += [f"{len(held) - _SHOWN} more"] if len(held) > _SHOWN else []
    empty = len(counts) - len(held)
    parts += [f"{empty} empty"] if empty else []
    total = sum(_least(count) for _, count in held)
    exact = all(isinstance(count, int) for _, count in held)
    number = f"{total:,}" if exact else f"{total:,} or more" if total else "uncounted"
    return f"{engine}: {number} {_KINDS[engine][not exact or total != 1]} will be lost: {', '.join(parts)}"


def _may_hold(count: Count) -> bool:
    return count is None or bool(count)


def _least(count: Count) -> int:
    return count if isinstance(count, int) else count["at_least"] if count else 0


def _shown(count: Count) -> str:
    return "?" if count is None else f"{count:,}" if isinstance(count, int) else f"{_least(count):,} or more"

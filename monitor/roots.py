"""What a failure comes from, and what it means for the stack as a whole. Pure."""

from collections.abc import Collection, Mapping

# Without it nothing is served.
_CENTRE = "postgres"


def roots(failing: Collection[str], waits: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Return, for each service that fails, the one it comes from: itself, or a failing one that it waits for."""

    def root(name: str) -> str:
        below = sorted(set(waits.get(name, ())) & set(failing))
        return root(below[0]) if below else name

    return {name: root(name) for name in failing}


def overall(services: Collection[str], failing: Collection[str]) -> str:
    """Return `healthy`, `degraded` while the rest keeps serving, or `down`."""
    if not failing:
        return "healthy"
    return "down" if _CENTRE in failing or set(services) <= set(failing) else "degraded"

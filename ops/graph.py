"""What waits for what, in the resource graph that Pulumi recorded. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

CONTAINER = "docker:index/container:Container"
Resource = Mapping[str, Any]


def sources(resources: Iterable[Resource], shown: Collection[str]) -> dict[str, set[str]]:
    """Return, for each URN in `shown`, the nearest others in it that it waits for, looking through all that are not."""
    by_urn = {str(one["urn"]): one for one in resources}
    return {urn: _sources(urn, by_urn, shown) for urn in shown}


def before(urn: str, direct: Mapping[str, set[str]]) -> set[str]:
    """Return everything that comes before a resource, near and far."""
    return direct[urn].union(*(before(one, direct) for one in direct[urn]))


def reduced(resources: Iterable[Resource], shown: Collection[str]) -> dict[str, set[str]]:
    """Return `sources` without what another source waits for anyway."""
    waits = sources(resources, shown)
    return {
        urn: {one for one in direct if not any(one in before(other, waits) for other in direct)}
        for urn, direct in waits.items()
    }


def servers(resources: Iterable[Resource]) -> dict[str, set[str]]:
    """Return each container's service, with the services whose containers it waits for."""
    everything = list(resources)
    urns = {str(one["urn"]) for one in everything if one["type"] == CONTAINER and not one.get("delete")}
    return {service(urn): {service(one) for one in direct} for urn, direct in sources(everything, urns).items()}


def layers(waits: Mapping[str, Collection[str]], chosen: Collection[str]) -> list[list[str]]:
    """Return the chosen services in the order in which they start: each after those of them that it waits for."""
    left, found = set(chosen), []
    while left:
        layer = sorted(one for one in left if not any(other in left for other in waits.get(one, ())))
        found.append(layer)
        left -= set(layer)
    return found


def service(urn: str) -> str:
    """Return the service of a container's URN."""
    return urn.rsplit("::", 1)[-1].removesuffix("-container")


def _sources(urn: str, by_urn: Mapping[str, Resource], shown: Collection[str]) -> set[str]:
    found: set[str] = set()
    waiting, seen = _dependencies(urn, by_urn), set()
    while waiting:
        one = waiting.pop()
        if one in seen or one not in by_urn:
            continue
        seen.add(one)
        if one in shown:
            found.add(one)
        else:
            waiting.extend(_dependencies(one, by_urn))
    return found


def _dependencies(urn: str, by_urn: Mapping[str, Resource]) -> list[str]:
    """Return what a resource waits for itself, and what the components that it is part of wait for."""
    found: list[str] = []
    while urn in by_urn:
        found += by_urn[urn].get("dependencies") or ()
        urn = str(by_urn[urn].get("parent"))
    return found

"""The lines of a preview: what is at risk one by one, what is safe in as few lines as tell it. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.cli.preview.changes import Change
from ops.cli.preview.migrations import Pending
from ops.cli.preview.risk import Risk, dangers
from ops.cli.preview.values import Difference, differences
from ops.graph import servers
from policy.graph import CONTAINER, IMAGE

_MOST_DETAILS = 8
_DONE = {"create": "created", "update": "updated", "replace": "made anew", "delete": "removed", "import": "imported"}
_OPERATIONS = "karen:operations:"


@dataclass(frozen=True, kw_only=True, order=True)
class Entry:
    """One line of a group, and what differs in detail."""

    sentence: str
    details: tuple[str, ...] = ()


def migration(one: Pending) -> Entry:
    """Return the line of a migration."""
    losses = ", and may remove data" if one.losses else ""
    return Entry(sentence=f"`{one.engine}`: migration `{one.name}` is applied{losses}")


def dangerous(changes: Sequence[Change], document: Mapping[str, Any]) -> Iterator[tuple[Risk, Entry]]:
    """Yield the lines of everything that is not safe."""
    images = {one.resource.name: one for one in changes if one.resource.type == IMAGE}
    needing = _needing(document)
    for change in changes:
        for danger in dangers(change):
            others = needing.get(change.resource.service, []) if danger.risk == Risk.RESTART else []
            needed = f"; {', '.join(f'`{one}`' for one in others)} cannot do without it" if others else ""
            yield danger.risk, Entry(sentence=danger.sentence + needed, details=_details(_told(change, images)))


def harmless(changes: Sequence[Change]) -> list[Entry]:
    """Return the lines of what is safe: one for everything to which the same is done."""
    alike: dict[tuple[str, str, tuple[str, ...]], list[Change]] = {}
    for change in changes:
        alike.setdefault((change.operation, _words(change.resource.kind), change.differing), []).append(change)
    entries = []
    for (operation, kind, differing), several in sorted(alike.items()):
        names = ", ".join(f"`{one.resource.name}`" for one in several)
        details = _details(differences(several[0])) if len(several) == 1 else ()
        inputs = f" ({', '.join(f'`{name}`' for name in differing)})" if differing and not details else ""
        entries.append(Entry(sentence=f"{_DONE[operation]} {kind}{inputs}: {names}", details=details))
    return entries


def _told(change: Change, images: Mapping[str, Change]) -> list[Difference]:
    """Return what differs, with a container's image by its name."""
    found = differences(change)
    image = images.get(f"{change.resource.service}-image")
    if change.resource.type != CONTAINER or image is None:
        return found
    named = [replace for replace in differences(image) if replace.path == "name"]
    return [
        *(Difference(path="image", old=one.old, new=one.new) for one in named),
        *(one for one in found if one.path != "image" or not named),
    ]


def _details(found: Sequence[Difference]) -> tuple[str, ...]:
    shown = [str(one) for one in found[:_MOST_DETAILS]]
    more = len(found) - len(shown)
    return (*shown, f"and {more} more") if more else tuple(shown)


def _needing(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return for each server those that need it to work; what only looks after servers waits for all of them, and needs none."""
    states = [step["newState"] for step in document.get("steps") or () if step.get("newState")]
    looking = {one["urn"].rpartition("::")[2].removesuffix("-container") for one in states if _OPERATIONS in one["urn"]}
    waits = {service: needs for service, needs in servers(states).items() if service not in looking}
    return {one: sorted(other for other, needs in waits.items() if one in needs) for one in waits}


def _words(kind: str) -> str:
    """Return a type's name as words: `health gate`."""
    return re.sub(r"(?<=[a-z])([A-Z])", r" \1", kind).lower()

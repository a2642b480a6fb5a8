"""Sets on a target: `<stack>/sets/<id>/…`, of which one with a manifest is whole, and one without was never finished."""

import re
import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from backup.manifests import read
from backup.model import Manifest
from backup.targets.base import Item, Target
from backup.targets.locks import Guard, Lockable
from init.protocol import Failure

MANIFEST = "manifest.json"
LATEST = "latest"
# Microseconds: of two sets, the one that was begun later has the greater id.
_TIME = "%Y%m%dT%H%M%S.%fZ"
_ID = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{4}")
# More than any manifest has: what claims to be one must not fill the memory.
_LARGEST_MANIFEST = 64 << 20


@dataclass(frozen=True, kw_only=True)
class SetEntry:
    """A set that has a manifest, and either what that says, or why it cannot be believed. `size` is bytes on the target."""

    id: str
    size: int
    manifest: Manifest | None = None
    refusal: Failure | None = None

    @property
    def good(self) -> bool:
        """Whether the whole stack can be restored from it."""
        return self.manifest is not None and self.manifest.good and not self.manifest.partial


def new_id(now: float) -> str:
    """Return an id for a set of that moment (Unix seconds): ids sort by time."""
    return f"{datetime.fromtimestamp(now, UTC).strftime(_TIME)}-{secrets.token_hex(2)}"


def time_of(set_id: str) -> float:
    """Return the moment that an id carries, in Unix seconds; ValueError if it is no id."""
    if not _ID.fullmatch(set_id):
        raise ValueError(f"{set_id!r} is no id of a set")
    return datetime.strptime(set_id.partition("-")[0], _TIME).replace(tzinfo=UTC).timestamp()


def root_of(stack: str, set_id: str) -> str:
    """Return where a set lies."""
    return f"{stack}/sets/{set_id}"


def locked(target: Lockable, holder: str, wait_seconds: float) -> AbstractContextManager[Guard]:
    """Have the target until the context ends: to make, prune or read sets. Failure `Locked` says who has it since when.

    Call what the context gives before whatever must not happen once the lock is lost.
    """
    return target.locked(holder, wait_seconds)


def listed(target: Target, stack: str, trust: Collection[str]) -> list[SetEntry]:
    """Return the stack's sets that have a manifest, newest first; those that are not whole are in `unfinished`."""
    found = _directories(target, stack)
    whole = ((set_id, items) for set_id, items in found.items() if _has_manifest(stack, set_id, items))
    return [
        _entry(target, stack, set_id, sum(item.size for item in items), trust)
        for set_id, items in sorted(whole, reverse=True)
    ]


def unfinished(target: Target, stack: str) -> list[str]:
    """Return the ids of what has no manifest: being made, or left by what was killed. Sorted."""
    found = _directories(target, stack)
    return sorted(set_id for set_id, items in found.items() if not _has_manifest(stack, set_id, items))


def find(
    target: Target, stack: str, trust: Collection[str], wanted: str, *, not_after: float | None = None
) -> Manifest:
    """Return a set by its id, the beginning of it that no other has, its label, or `latest`: the newest good one.

    `not_after` (Unix seconds) leaves out for `latest` what was not finished by then. Failure `NotFound` or `Ambiguous` says
    what is there; a set that is not believed fails with its own reason.
    """
    entries = listed(target, stack, trust)
    if wanted == LATEST:
        matching = [entry for entry in entries if entry.good and _ended_by(entry, not_after)][:1]
    else:
        matching = [entry for entry in entries if entry.id == wanted]
        matching = matching or [entry for entry in entries if wanted and entry.id.startswith(wanted)]
        matching = matching or [
            entry for entry in entries if entry.manifest and wanted and entry.manifest.label == wanted
        ]
    if len(matching) == 1:
        return _believed(matching[0])
    kind = "a good set" if wanted == LATEST else f"a set {wanted!r}"
    if matching:
        several = f"{target}: {wanted!r} is {len(matching)} sets of {stack}: {_shown(matching)}"
        raise Failure("Ambiguous", several, "name one by its id")
    raise Failure(
        "NotFound",
        f"{target}: {stack} has not {kind}; there are: {_shown(entries)}",
        "name one that is there (./karen backup list)",
    )


def remove(target: Target, stack: str, set_id: str, guard: Guard) -> int:
    """Remove a set, its manifest first: cut off at any moment, what is left is unfinished. Return how many bytes that were."""
    root = root_of(stack, set_id)
    items = list(target.items(f"{root}/"))
    for item in sorted(items, key=lambda item: item.path != f"{root}/{MANIFEST}"):
        guard()
        target.remove(item.path)
    return sum(item.size for item in items)


def sweep(target: Target, stack: str, guard: Guard) -> list[str]:
    """Remove what was never finished, and return its ids. Only who has the target's lock may."""
    found = unfinished(target, stack)
    guard()
    target.sweep(f"{stack}/sets/")
    for set_id in found:
        remove(target, stack, set_id, guard)
    return found


def _directories(target: Target, stack: str) -> dict[str, list[Item]]:
    """Return the files of every directory that is named as a set."""
    prefix = f"{stack}/sets/"
    found: dict[str, list[Item]] = {}
    for item in target.items(prefix):
        set_id = item.path.removeprefix(prefix).partition("/")[0]
        if _ID.fullmatch(set_id):
            found.setdefault(set_id, []).append(item)
    return found


def _has_manifest(stack: str, set_id: str, items: Sequence[Item]) -> bool:
    return any(item.path == f"{root_of(stack, set_id)}/{MANIFEST}" for item in items)


def _entry(target: Target, stack: str, set_id: str, size: int, trust: Collection[str]) -> SetEntry:
    path = f"{root_of(stack, set_id)}/{MANIFEST}"
    with target.read(path) as stream:
        data = stream.read(_LARGEST_MANIFEST)
    try:
        manifest = read(data, path=path, stack=stack, set_id=set_id, trust=trust)
    except Failure as failure:
        return SetEntry(id=set_id, size=size, refusal=failure)
    return SetEntry(id=set_id, size=size, manifest=manifest)


def _ended_by(entry: SetEntry, moment: float | None) -> bool:
    return moment is None or (entry.manifest is not None and entry.manifest.ended <= moment)


def _believed(entry: SetEntry) -> Manifest:
    if entry.refusal:
        raise entry.refusal
    assert entry.manifest is not None
    return entry.manifest


def _shown(entries: Sequence[SetEntry]) -> str:
    return ", ".join(_lines(entries)) or "none"


def _lines(entries: Sequence[SetEntry]) -> Iterator[str]:
    """Return each with its label, or with what is wrong with it; the newest of many."""
    for entry in entries[:10]:
        label = f" ({entry.manifest.label})" if entry.manifest and entry.manifest.label else ""
        yield f"{entry.id}{label}{_state(entry)}"
    if len(entries) > 10:
        yield f"and {len(entries) - 10} older ones"


def _state(entry: SetEntry) -> str:
    if entry.manifest is None:
        return f" [{entry.refusal.kind if entry.refusal else 'unknown'}]"
    if not entry.manifest.good:
        return " [incomplete]"
    return " [partial]" if entry.manifest.partial else ""

"""Removing the sets that need not stay."""

from collections.abc import Collection
from dataclasses import dataclass

from backup.retention import Aged, Keep, Plan, plan
from backup.sets import SetEntry, listed, remove, sweep, time_of, unfinished
from backup.targets.base import Target
from backup.targets.locks import Guard

# The trigger of a set that was made because PostgreSQL's log began anew.
ARCHIVE = "archive"


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What was decided, what was not (`refused`: id to the reason; such sets stay), and how many bytes that frees.

    `unfinished` are the ids of what was never finished.
    """

    plan: Plan
    refused: dict[str, str]
    unfinished: tuple[str, ...]
    bytes: int


def prune(
    target: Target, stack: str, trust: Collection[str], keep: Keep, guard: Guard, *, dry_run: bool = False
) -> Pruned:
    """Remove what `keep` does not name; a dry run only tells. Only who has the target's lock (`guard`) may.

    A set that is not believed is not removed: it may be whole, and its key only unknown here.
    """
    entries = listed(target, stack, trust)
    believed = [entry for entry in entries if entry.manifest]
    decided = plan([_aged(entry) for entry in believed], keep)
    left = unfinished(target, stack)
    size = sum(entry.size for entry in entries if entry.id in decided.removed)
    if not dry_run:
        for set_id in reversed(decided.removed):
            remove(target, stack, set_id, guard)
        sweep(target, stack, guard)
    refused = {entry.id: entry.refusal.message for entry in entries if entry.refusal}
    return Pruned(plan=decided, refused=refused, unfinished=tuple(left), bytes=size)


def _aged(entry: SetEntry) -> Aged:
    extra = entry.manifest is not None and entry.manifest.trigger == ARCHIVE
    return Aged(id=entry.id, time=time_of(entry.id), good=entry.good, extra=extra)

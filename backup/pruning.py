"""Removing the sets that need not stay: decided once, and carried out as it was decided."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from backup.retention import Aged, Keep, Plan, plan
from backup.sets import SetEntry, listed, remove, sweep, time_of, unfinished
from backup.targets.base import Target
from backup.targets.locks import Guard
from init.protocol import CORRECT, Failure

# The trigger of a set that was made because PostgreSQL's log began anew.
ARCHIVE = "archive"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What stays and what goes; what nobody decides about (`refused`: id to the reason; such sets stay); how many bytes that frees.

    `unfinished` are the ids of what was never finished, and goes too.
    """

    plan: Plan
    refused: Mapping[str, str]
    unfinished: tuple[str, ...]
    bytes: int

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "kept": [{"id": set_id, "reasons": list(reasons)} for set_id, reasons in self.plan.kept.items()],
            "removed": [{"id": set_id} for set_id in self.plan.removed],
            "refused": dict(self.refused),
            "unfinished": list(self.unfinished),
            "bytes": self.bytes,
        }

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Decision":
        """Build one from a document; Failure `BadRequest` if it is none."""
        try:
            kept = {str(one["id"]): tuple(one["reasons"]) for one in document["kept"]}
            return cls(
                plan=Plan(kept=kept, removed=tuple(str(one["id"]) for one in document["removed"])),
                refused=dict(document["refused"]),
                unfinished=tuple(document["unfinished"]),
                bytes=int(document["bytes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            told = f"decision is none: {type(error).__name__}: {error}; allowed: the answer of the step `decide`"
            raise Failure("BadRequest", told, CORRECT) from None


def decide(target: Target, stack: str, trust: Collection[str], keep: Keep) -> Decision:
    """Decide what goes; nothing is touched. A set that is not believed stays: it may be whole, and its key only unknown here."""
    entries = listed(target, stack, trust)
    decided = plan([_aged(entry) for entry in entries if entry.manifest], keep)
    return Decision(
        plan=decided,
        refused={entry.id: entry.refusal.message for entry in entries if entry.refusal},
        unfinished=tuple(unfinished(target, stack)),
        bytes=sum(entry.size for entry in entries if entry.id in decided.removed),
    )


def carry_out(target: Target, stack: str, decision: Decision, guard: Guard) -> None:
    """Remove what was decided on, and what was never finished. Only who has the target's lock (`guard`) may."""
    for set_id in reversed(decision.plan.removed):
        remove(target, stack, set_id, guard)
    sweep(target, stack, guard)


def require_unchanged(target: Target, stack: str, trust: Collection[str], decision: Decision) -> None:
    """Failure `Changed` if the sets, or which of them are believed, are not those that were decided about."""
    entries = listed(target, stack, trust)
    known, found = {*decision.plan.kept, *decision.plan.removed}, {entry.id for entry in entries if entry.manifest}
    refused, refusing = set(decision.refused), {entry.id for entry in entries if entry.refusal}
    changes = {
        "new": (found | refusing) - known - refused,
        "gone": (known | refused) - found - refusing,
        "no longer believed": known & refusing,
        "believed now": refused & found,
    }
    if told := "; ".join(f"{what}: {', '.join(sorted(ids))}" for what, ids in changes.items() if ids):
        raise Failure(
            "Changed",
            f"{target}: the sets are no longer those that were decided about ({told}); nothing was removed",
            "look again (./karen backup prune)",
        )


def _aged(entry: SetEntry) -> Aged:
    extra = entry.manifest is not None and entry.manifest.trigger == ARCHIVE
    return Aged(id=entry.id, time=time_of(entry.id), good=entry.good, extra=extra)

"""A preview as one review: the rules that it breaks, and its changes by risk. Pure, and the same for the same changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ops.cli.migrate.update import told
from ops.cli.preview.changes import changes
from ops.cli.preview.entries import Entry, dangerous, harmless, migration
from ops.cli.preview.migrations import pending
from ops.cli.preview.risk import Risk, dangers
from policy.check import violations
from policy.graph import Graph
from policy.rule import Violation

# What Pulumi says after the program has said what is wrong.
_WITHOUT_NEWS = {"", "preview failed", "an unhandled error occurred: program exited with non-zero exit code: 1"}


@dataclass(frozen=True, kw_only=True)
class Review:
    """What a preview says. With `errors` the program, or a provider, has refused: then nothing else is known."""

    stack: str
    errors: Sequence[str] = ()
    violations: Sequence[Violation] = ()
    groups: Mapping[Risk, Sequence[Entry]]
    notes: Sequence[str] = ()

    @property
    def is_good(self) -> bool:
        """Whether the update can be run, and breaks no rule."""
        return not self.errors and not self.violations

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        violations = [
            {
                "rule": one.rule.name,
                "resource": one.resource.name,
                "what": one.what,
                "reason": one.rule.reason,
                "fix": one.rule.fix,
            }
            for one in self.violations
        ]
        groups = {
            risk.replace(" ", "_"): [{"sentence": entry.sentence, "details": list(entry.details)} for entry in entries]
            for risk, entries in self.groups.items()
        }
        return {"errors": list(self.errors), "violations": violations, **groups, "notes": list(self.notes)}


def review(stack: str, document: Mapping[str, Any], *, declared: Mapping[str, Any] | None = None) -> Review:
    """Read what `pulumi preview --json --show-sames` printed.

    Of `document` values and messages are shown, cut and written otherwise; so its secrets have to be masked. `declared` is the same
    unmasked, as rules judge it and as it is seen what differs; without it, it is `document`.
    """
    declared = document if declared is None else declared
    messages = [_message(one) for one in document.get("diagnostics") or ()]
    groups: dict[Risk, list[Entry]] = {risk: [] for risk in Risk}
    errors = {text for severity, text in messages if severity == "error"}
    if errors:
        return Review(stack=stack, errors=sorted(errors - _WITHOUT_NEWS or errors), groups=groups)
    migrations, notes = pending(text for _, text in messages)
    for one in migrations:
        groups[Risk.DATA if one.losses else Risk.SAFE].append(migration(one))
    found = [
        replace(one, differing=of_declared.differing)
        for one, of_declared in zip(changes(document), changes(declared), strict=True)
    ]
    for risk, entry in dangerous(found, declared):
        groups[risk].append(entry)
    groups[Risk.SAFE] += harmless([one for one in found if one.operation != "same" and not dangers(one)])
    return Review(stack=stack, violations=violations(Graph.of_preview(declared)), groups=groups, notes=notes)


def _message(diagnostic: Mapping[str, Any]) -> tuple[str, str]:
    severity, text = str(diagnostic.get("severity")), str(diagnostic.get("message") or "").strip()
    return told({"diagnosticEvent": {"severity": severity, "message": text.removeprefix(f"{severity}: ")}})

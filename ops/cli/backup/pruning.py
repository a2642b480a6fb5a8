"""`backup prune`."""

from collections.abc import Mapping
from typing import Any

from ops.cli.backup.asking import ask, described, quietly
from ops.cli.errors import DONE
from ops.cli.printer import Printer


def prune(printer: Printer, *, dry_run: bool, yes: bool) -> int:
    """Tell what the retention keeps and why, and remove the rest, as it was told, once that is agreed to."""
    backups = described(printer.stack)
    decision = quietly(backups, "decide")
    removed, unfinished = decision["removed"], decision["unfinished"]
    _tell(printer, decision)
    besides = f", and {len(unfinished)} that was never finished" if unfinished else ""
    if dry_run:
        sentence = f"{len(removed)} of {len(decision['kept']) + len(removed)} sets would be removed{besides}."
        printer.end(sentence if removed or unfinished else "Nothing to remove.", {"changed": False, **decision})
        return DONE
    # What was never finished is no set: whoever makes the next one removes it without being asked.
    if removed:
        printer.agree(f"Remove {len(removed)} sets for good?", yes=yes)
    done = ask(backups, "prune", printer, decision=decision)
    changed = bool(removed or unfinished)
    sentence = f"Done: {len(removed)} sets removed{besides}." if changed else "Nothing to remove."
    printer.end(sentence, {"changed": changed, **done})
    return DONE


def _tell(printer: Printer, decision: Mapping[str, Any]) -> None:
    for one in decision["kept"]:
        printer.say(f"keep    {one['id']}: {', '.join(one['reasons'])}")
    for one in decision["removed"]:
        printer.say(f"remove  {one['id']}")
    for set_id in decision["unfinished"]:
        printer.say(f"remove  {set_id}: never finished")
    for set_id, reason in decision["refused"].items():
        printer.say(f"stays   {set_id}: {reason}")

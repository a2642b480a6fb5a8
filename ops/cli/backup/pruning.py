"""`backup prune`."""

from ops.cli.backup.asking import ask, described, quietly
from ops.cli.errors import DONE
from ops.cli.printer import Printer


def prune(printer: Printer, *, dry_run: bool, yes: bool) -> int:
    """Tell what the retention keeps and why, and remove the rest once that is agreed to."""
    backups = described(printer.stack)
    plan = quietly(backups, "prune", dry_run=True)
    for one in plan["kept"]:
        printer.say(f"keep    {one['id']}: {', '.join(one['reasons'])}")
    for one in plan["removed"]:
        printer.say(f"remove  {one['id']}")
    for set_id, reason in plan["refused"].items():
        printer.say(f"stays   {set_id}: {reason}")
    if dry_run or not plan["removed"]:
        sentence = f"{len(plan['removed'])} of {len(plan['kept']) + len(plan['removed'])} sets would be removed."
        printer.end(sentence if plan["removed"] else "Nothing to remove.", {"changed": False, **plan})
        return DONE
    printer.agree(f"Remove {len(plan['removed'])} sets for good?", yes=yes)
    done = ask(backups, "prune", printer, dry_run=False)
    printer.end(f"Done: {len(done['removed'])} sets removed.", {"changed": True, **done})
    return DONE

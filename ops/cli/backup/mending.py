"""`backup restore --damaged`: the engines that say that their data are damaged, restored where the configuration names them."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from backup.engines import COLD
from monitor.corruption import part
from ops.backups import cold, journal
from ops.backups.stack import StackBackups
from ops.cli.backup.asked import Asked
from ops.cli.backup.asking import described, quietly
from ops.cli.backup.restoring import UNTOUCHED, confirmed, restored, unfinished
from ops.cli.errors import DONE, REFUSED, NotAsked, Refused
from ops.cli.printer import Printer
from ops.cli.services import health, jobs

_COMMAND = "./karen backup restore --damaged"


def mend(printer: Printer, asked: Asked, *, give_up: bool) -> int:
    """Restore what `restoreDamaged` names, and tell the command for the rest; exit 1 when a person has to give that."""
    confirmed(asked)
    if give_up or replace(asked, identity=None).command != Asked(stack=asked.stack, into=asked.stack).command:
        told = "--damaged finds the engines and the set by itself: it goes with --stack, --identity and --confirm alone"
        raise NotAsked(f"{told}. {UNTOUCHED} Fix: {_COMMAND}")
    backups = described(asked.stack)
    left = unfinished(asked.stack)
    if left is not None:
        printer.end(*restored(printer, _begun(left, backups, asked)))
        return DONE
    damaged = _damaged(asked.stack)
    own = sorted(set(damaged) & set(backups.restore_damaged))
    others = {engine: damage for engine, damage in damaged.items() if engine not in own}
    for engine, damage in others.items():
        printer.say(f"{engine}'s data are damaged: {damage['message']}. Fix: {damage['fix']}")
    found: dict[str, Any] = {"damaged": damaged, "left": sorted(others)}
    if not own:
        told = f"restoreDamaged of {asked.stack} does not name {', '.join(others)}. {UNTOUCHED}"
        printer.end(told if others else f"No engine of {asked.stack} says that its data are damaged.", found)
        return REFUSED if others else DONE
    for engine in own:
        printer.say(
            f"{engine}'s data are damaged: {damaged[engine]['message']}. restoreDamaged names it: it is restored."
        )
    told, document = restored(printer, _asked(asked, _whole(backups, own), own))
    printer.end(told, {**found, **document})
    return REFUSED if others else DONE


def _damaged(stack: str) -> dict[str, Mapping[str, str]]:
    """Return, by the engine that has it in a set, what is damaged, with the command that brings it back."""
    rows = health.asked(stack, jobs.described(stack))
    return {part(row["service"]): row["damage"] for row in rows if row["damage"]}


def _asked(asked: Asked, wanted: str, engines: Collection[str]) -> Asked:
    """Return the restore that a person would ask for; that the configuration has said so is the leave."""
    return replace(asked, wanted=wanted, only=tuple(sorted(engines)), confirm=asked.stack)


def _begun(left: journal.Decided, backups: StackBackups, asked: Asked) -> Asked:
    """Return the restore that was cut off, if it is one that would have been begun here; Refused for another's."""
    again = _asked(asked, max(left.sets.values(), default=""), left.taken)
    if left.giving_up or left.command != again.command or not set(left.taken) <= set(backups.restore_damaged):
        command = "./karen backup restore --give-up" if left.giving_up else left.command
        raise Refused(f"A restore into {left.stack} is not finished. {UNTOUCHED} Fix: {command}, which finishes it")
    return again


def _whole(backups: StackBackups, engines: Collection[str]) -> str:
    """Return the newest good set that has these engines; Refused if there is none, or if more than these would come with it."""
    sets = quietly(backups, "list")["sets"]
    found = next((one["id"] for one in sets if one["good"] and all(map(one["engines"].get, engines))), None)
    if found is None:
        fix = f"Fix: see what there is: ./karen backup list --stack {backups.stack}"
        raise Refused(f"No good set of {backups.stack} has {' and '.join(engines)}. {UNTOUCHED} {fix}")
    parts = quietly(backups, "find", set=found)["manifest"]["engines"]
    taken = [parts[engine]["taken"] for engine in engines if cold.is_cold(parts[engine]["taken"])]
    if more := sorted({name for one in taken for name in one["details"].get("holds", ())} - {*backups.restore_damaged}):
        command = f"./karen backup restore {found} --only {COLD} --stack {backups.stack}"
        told = f"{found} has {COLD} as a copy of volumes, {' and '.join(more)} included, which restoreDamaged does not name"
        raise Refused(f"{told}. {UNTOUCHED} Fix: {command}")
    return str(found)

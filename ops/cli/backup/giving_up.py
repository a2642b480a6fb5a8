"""`backup restore --give-up`: the way out of a restore whose exchange fails each time."""

from dataclasses import replace
from typing import Any

from backup.engines.base import LOST
from init.resources.gate import UnhealthyError
from init.resources.job import JobError
from ops.backups import journal
from ops.backups.journal import Decided
from ops.backups.reporting import reporter
from ops.backups.stack import StackBackups
from ops.backups.standing import paused
from ops.backups.steps import Steps, stands_still
from ops.cli.backup.asked import Asked
from ops.cli.backup.asking import described
from ops.cli.backup.restoring import UNTOUCHED, alone, confirmed, services, unfinished
from ops.cli.backup.settling import settle
from ops.cli.errors import DONE, NotAsked, Refused
from ops.cli.printer import Printer

_COMMAND = "./karen backup restore --give-up"


def give_up(printer: Printer, asked: Asked) -> int:
    """Have what was there before of every engine that is not exchanged, all servers running; may be cut off and given again."""
    from ops.cli.migrate.update import ensure_free

    agreed = confirmed(asked)
    if asked.command != Asked(stack=asked.stack, into=asked.into).command:
        raise NotAsked(f"--give-up goes with --stack, --into and --confirm alone. {UNTOUCHED} Fix: {_COMMAND}")
    into, left = described(asked.into), unfinished(asked.into)
    if left is None:
        printer.end(f"No restore into {asked.into} is unfinished: nothing to give up.", {"given_up": False})
        return DONE
    ensure_free(printer)
    _tell(printer, left)
    printer.agree_by_name(left.stack, yes=agreed, option=f"--confirm {left.stack}")
    with alone(into, f"{_COMMAND} --stack {left.stack}"):
        if unfinished(left.stack) != left:
            raise Refused(f"Another restore into {left.stack} came in between. {UNTOUCHED} Fix: run the command again")
        with paused(*services(into)):
            return _carried_out(printer, into, left)


def _tell(printer: Printer, left: Decided) -> None:
    """Say what each engine will hold; only the first that is not exchanged can be half so."""
    begun = next((engine for engine in left.open if engine not in left.exchanged), None)
    for engine, taken in left.taken.items():
        if engine in left.exchanged:
            told = f"stays as restored from {left.sets[engine]}"
        elif engine != begun:
            told = "stays as it is; what was loaded beside it is removed"
        elif stands_still(engine, taken):
            told = "what it held before the restore comes back; what was written to it since is lost"
        else:
            told = f"what it held before comes back; where that is gone already, {left.sets[engine]} takes its place"
        printer.say(f"{engine}: {told}")


def _carried_out(printer: Printer, into: StackBackups, left: Decided) -> int:
    decided = replace(left, giving_up=True)
    journal.write(decided)
    with reporter(quiet=printer.as_json) as shown:
        steps = Steps(into=into, reporter=shown, taken=left.taken, sets=left.sets)
        decided, troubles = _decided(steps, decided)
        decided, ill = _running(steps, decided, troubles)
    for engine in decided.taken:
        printer.say(f"{engine}: {_outcome(decided, engine)}")
    # Where a server does not run, there is nothing to be initialized; of what it holds, another set may be the way out.
    if decided.open or ill:
        fix = f"Fix: mend that, and give the same command again: {_COMMAND}"
        raise Refused("\n".join([*troubles.values(), fix if decided.open else f"{fix}; or restore a set"]))
    settle(printer, list(decided.taken))
    journal.remove(decided.stack)
    if troubles:
        raise Refused("\n".join(troubles.values()))
    return _end(printer, decided)


def _decided(steps: Steps, decided: Decided) -> tuple[Decided, dict[str, str]]:
    """Have every engine give up its exchange; those that cannot stay as they are, with the reason."""
    troubles: dict[str, str] = {}
    for engine in decided.open:
        if engine in decided.exchanged:
            continue
        try:
            field = "kept" if steps.give_up(engine) else "exchanged"
        except JobError as error:
            troubles[engine] = str(error)
            if error.kind != LOST:
                continue
            field = "lost"
        decided = journal.note(decided, field, engine)
    return decided, troubles


def _running(steps: Steps, decided: Decided, troubles: dict[str, str]) -> tuple[Decided, bool]:
    """Have the servers run, and finish what is exchanged; the reasons why not are added, and whether a server is not healthy."""
    ill = False
    for engine in decided.taken:
        # On what is half exchanged, a server would begin anew.
        if engine in decided.open and engine not in decided.exchanged:
            continue
        try:
            steps.start(engine)
            if engine in decided.open:
                steps.finish(engine)
        except UnhealthyError as error:
            ill, troubles[engine] = True, str(error)
        except JobError as error:
            troubles[engine] = f"{engine} is as restored, but what is left of the restore is still there: {error}"
        if engine in decided.open:
            decided = journal.note(decided, "finished", engine)
    return decided, ill


def _outcome(decided: Decided, engine: str) -> str:
    if engine in decided.kept:
        return "as before the restore"
    if engine in decided.lost:
        return f"neither as before nor as in {decided.sets[engine]}"
    return f"as restored from {decided.sets[engine]}" if engine in decided.finished else "not as before yet"


def _end(printer: Printer, decided: Decided) -> int:
    if decided.kept and decided.finished:
        printer.say(f"They stand at different moments. Then: ./karen reconcile --stack {decided.stack}")
    document: dict[str, Any] = {
        "given_up": True,
        "kept": list(decided.kept),
        "restored": {engine: decided.sets[engine] for engine in decided.finished},
    }
    told = f"As before: {', '.join(decided.kept) or 'nothing'}"
    told += f"; as restored: {', '.join(decided.finished)}" if decided.finished else ""
    printer.end(f"Done: the restore into {decided.stack} is given up. {told}.", document)
    return DONE

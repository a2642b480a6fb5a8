"""How the commands that only look tell what they found."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from init.migrations.losses import removes
from ops.cli.errors import DONE, NOT_ASKED, REFUSED
from ops.cli.migrate.known import Known
from ops.cli.migrate.pins import shown
from ops.cli.printer import Printer

if TYPE_CHECKING:
    from rich.table import Table

_COLUMNS = ("engine", "version", "target", "applied", "pending", "dirty", "drift", "kept")


def status(found: Sequence[Known], printer: Printer) -> int:
    """Print a line for each engine, and below the table what its numbers are about."""
    printer.table(table(found))
    for one in found:
        for line in _details(one):
            printer.say(line)
    wrong = [one.engine for one in found if one.plan(one.pin).problems or one.drift]
    pending = sum(len(one.plan(one.pin).pending) for one in found)
    if any(one.error for one in found):
        code, sentence = NOT_ASKED, f"Not asked: {_names(one.engine for one in found if one.error)}."
    elif wrong:
        code, sentence = REFUSED, f"Something is wrong in {_names(wrong)}."
    else:
        code, sentence = (
            DONE,
            f"{_count(pending, 'migration is', 'migrations are')} pending." if pending else "All is applied.",
        )
    printer.end(sentence, {"engines": [one.document() for one in found]})
    return code


def plan(found: Sequence[Known], pins: dict[str, str], printer: Printer) -> int:
    """Print what an update with these pins would do, in order, and everything against it."""
    plans = {one.engine: one.plan(pins[one.engine]) for one in found}
    steps = [
        f"{engine}: {migration.file} would be applied{', and may remove data' if removes(migration.up) else ''}"
        for engine, one in plans.items()
        for migration in one.pending
    ]
    changes = [change for one in found for change in pin_changes(one, pins[one.engine], "would be")]
    problems = [str(problem) for one in plans.values() for problem in one.problems]
    for line in [*changes, *steps, *problems]:
        printer.say(line)
    if problems:
        sentence = f"{_count(len(problems), 'problem has', 'problems have')} to be solved first."
    else:
        sentence = (
            f"{_count(len(steps), 'migration', 'migrations')} would be applied." if steps else "Nothing to apply."
        )
    engines = [
        {
            "engine": engine,
            "target": shown(pins[engine]),
            "pending": [{"name": migration.name, "checksum": migration.checksum} for migration in one.pending],
            "problems": [{"kind": p.kind, "file": p.file, "message": p.message} for p in one.problems],
        }
        for engine, one in plans.items()
    ]
    printer.end(sentence, {"engines": engines})
    return REFUSED if problems else DONE


def differences(found: Sequence[Known], printer: Printer) -> int:
    """Print everything that is not as files and configuration say."""
    told = [(one.engine, kind, sentence) for one in found if not one.error for kind, sentence in one.differences()]
    silent = [one for one in found if one.error]
    for one in silent:
        printer.say(f"{one.engine}: {one.error}")
    for _, _, sentence in told:
        printer.say(sentence)
    if silent:
        code, sentence = NOT_ASKED, f"Not asked: {_names(one.engine for one in silent)}."
    elif told:
        code, sentence = REFUSED, f"{_count(len(told), 'difference', 'differences')} found."
    else:
        code, sentence = (
            DONE,
            f"Files, ledgers, Pulumi's record and the schemas of {_names(one.engine for one in found)} agree.",
        )
    document = {
        "clean": code == DONE,
        "not_asked": [{"engine": one.engine, "error": one.error} for one in silent],
        "differences": [{"engine": engine, "kind": kind, "message": text} for engine, kind, text in told],
    }
    printer.end(sentence, document)
    return code


def pin_changes(one: Known, pin: str, verb: str) -> list[str]:
    """Return a sentence if an engine's pin is another one than wanted."""
    if one.pin == pin:
        return []
    return [f"{one.engine}: ai-karen-db:{one.engine}SchemaVersion {verb} {shown(pin)} (it is {shown(one.pin)})"]


def table(found: Sequence[Known]) -> "Table":
    """Return the engines' table."""
    from rich.table import Table

    drawn = Table()
    for column in _COLUMNS:
        drawn.add_column(column, overflow="fold", no_wrap=column == "engine")
    for one in found:
        if one.error:
            drawn.add_row(one.engine, "[red]not asked[/]", shown(one.pin), *["–"] * 5)
            continue
        pending, problems = len(one.plan(one.pin).pending), one.plan(one.pin).problems
        drawn.add_row(
            one.engine,
            one.version,
            shown(one.pin),
            str(len(one.applied)),
            f"[yellow]{pending}[/]" if pending else "0",
            f"[red]{len(one.dirty)}[/]" if one.dirty else "0",
            f"[red]{len(one.drift)}[/]" if one.drift else ("[red]problems[/]" if problems else "0"),
            str(len(one.kept)),
        )
    return drawn


def _details(one: Known) -> list[str]:
    if one.error:
        return [f"{one.engine}: {one.error}"]
    plan = one.plan(one.pin)
    lines = [f"{one.engine}: {migration.file} is pending" for migration in plan.pending]
    if one.pin and one.pin < one.latest():
        lines.append(
            f"{one.engine}: stops at {one.pin}, as configured; ./karen migrate up {one.engine} --to latest goes on"
        )
    lines += [str(problem) for problem in plan.problems]
    lines += [
        f"{one.engine}: {entry.name} is {entry.state}, {entry.step} steps done"
        for entry in one.dirty
        if not entry.error
    ]
    lines += [f"{one.engine}: {sentence}" for sentence in one.drift]
    confirm = f"./karen migrate confirm {one.engine} removes it"
    lines += [f"{one.engine}: keeps {name}, an old version with {count}; {confirm}" for name, count in one.kept.items()]
    lines += [f"{one.engine}: {name} holds {count}" for name, count in one.counts.items()]
    return lines


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)

"""`repair`, `baseline` and `confirm`: what is done to a ledger, or to what changes have kept. A job does it."""

from collections.abc import Sequence
from dataclasses import replace

from init.migrations.corrections import corrections
from ops.cli.errors import DONE, Refused
from ops.cli.migrate import pins, show
from ops.cli.migrate.acting import change
from ops.cli.migrate.changes import bring
from ops.cli.migrate.folders import checked_engine
from ops.cli.migrate.known import Known, after
from ops.cli.migrate.survey import asked, survey
from ops.cli.printer import Printer


def repair(printer: Printer, engine: str | None, *, yes: bool) -> int:
    """Show the corrections, the drift that is accepted and the mirror that is renewed; do it when agreed."""
    found = survey(printer.stack, engine)
    asked(found)
    bad = [str(problem) for one in found for problem in one.file_problems]
    if bad:
        raise Refused("\n".join([*bad, "Nothing was changed: the files have to be right first."]))
    told = {one.engine: _corrections(one) for one in found}
    for line in (line for lines in told.values() for line in lines):
        printer.say(line)
    if any(told.values()):
        printer.agree("Go on?", yes=yes)
    work = [one for one in found if told[one.engine]]
    now = [after(one, change(printer, one, "repair")) if told[one.engine] else one for one in found]
    names = ", ".join(one.engine for one in work)
    # Also what an earlier repair did, and was cut off before Pulumi had recorded it.
    unrecorded, left = _record(printer, now, done=f"{names} repaired" if names else "")
    sentence = f"Done: {names} repaired." if names else "Nothing to repair."
    recorded = f" Pulumi's record of {', '.join(unrecorded)} is brought up to date." if unrecorded else ""
    engines = [{"engine": one.engine, "corrections": told[one.engine]} for one in work]
    printer.end(f"{sentence}{recorded}{left}", {"changed": bool(work or unrecorded), "engines": engines})
    return DONE


def baseline(printer: Printer, engine: str, to: str, *, yes: bool) -> int:
    """Record migrations as applied, pin the version if it is not the newest, and have Pulumi record the same."""
    version = pins.version(to)
    checked_engine(engine)
    (one,) = found = survey(printer.stack, engine)
    asked(found)
    if one.file_problems:
        raise Refused("\n".join(map(str, one.file_problems)))
    version = version or one.latest()
    pin = pins.wanted(engine, version, one.files)
    wanted = {migration.name: migration.checksum for migration in one.files if migration.version <= version}
    # An earlier command may have been cut off after its job.
    if one.ledger and (one.applied != wanted or one.dirty):
        raise Refused(f"{engine} has a ledger already, at {one.version}. Fix: ./karen migrate status {engine} shows it")
    document = {"engine": engine, "recorded": list(wanted), "version": version}
    if one.ledger and one.is_settled(pin):
        printer.end(f"Nothing to do: {engine} is at {version}.", {**document, "changed": False})
        return DONE
    for line in show.pin_changes(one, pin, "becomes"):
        printer.say(line)
    if not one.ledger:
        for name in wanted:
            printer.say(f"{engine}: {name} will be recorded as applied, and not run")
        printer.agree("Go on?", yes=yes)
        change(printer, one, "baseline", pin=pin, to=version)
        one = replace(one, pin=pin)
    bring(printer, [one], {engine: pin}, done=f"{engine} is taken to be at {version}")
    printer.end(f"Done: {engine} is taken to be at {version}.", {**document, "changed": True})
    return DONE


def confirm(printer: Printer, engine: str, names: Sequence[str], *, yes: bool) -> int:
    """Remove old versions for good."""
    checked_engine(engine)
    (one,) = found = survey(printer.stack, engine)
    asked(found)
    unknown = [name for name in names if name not in one.kept]
    if unknown:
        kept = ", ".join(one.kept) or "nothing"
        raise Refused(f"{engine} keeps no {', '.join(unknown)}; it keeps {kept}. Nothing was changed.")
    chosen = list(names) or list(one.kept)
    if not chosen:
        printer.end(f"Nothing to do: {engine} keeps no old version.", {"engine": engine, "removed": []})
        return DONE
    for name in chosen:
        printer.say(f"{engine}: {name}, which holds {one.kept[name]}, will be removed for good")
    printer.agree_by_name(engine, yes=yes)
    now = after(one, change(printer, one, "confirm", names=chosen))
    _, left = _record(printer, [now], done=f"{', '.join(chosen)} removed")
    printer.end(f"Done: {', '.join(chosen)} removed.{left}", {"engine": engine, "removed": chosen})
    return DONE


def _corrections(one: Known) -> list[str]:
    """Return a sentence for everything that a repair changes."""
    lines = [correction.sentence for correction in corrections(one.engine, one.ledger, one.files)]
    lines += [f"{one.engine}: accepted as it is: {sentence}" for sentence in one.drift]
    if one.ledger and not one.answer["compared"]:
        lines.append(f"{one.engine}: the schema is taken as it is for what migrations made")
    if not one.answer["mirrored"]:
        lines.append(f"{one.engine}: migration_history in PostgreSQL is made to tell what the ledger tells")
    return lines


def _record(printer: Printer, found: Sequence[Known], *, done: str) -> tuple[list[str], str]:
    """Have Pulumi record what is so now, where nothing is pending; return the engines, and a sentence about what is pending."""
    waiting = [one.engine for one in found if one.plan(one.pin).pending or one.dirty]
    work = [one for one in found if one.engine not in waiting and one.unrecorded(one.pin)]
    if work:
        bring(printer, work, {one.engine: one.pin for one in work}, done=done)
    next_ = ", ".join(f"./karen migrate up {engine}" for engine in waiting)
    return [one.engine for one in work], f" Next: {next_}." if waiting else ""

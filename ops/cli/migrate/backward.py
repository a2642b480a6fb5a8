"""`down`: backward. The configuration first, so that nobody goes forward again; then the engine; then Pulumi's record."""

from dataclasses import replace

from init.migrations.way_back import way_back
from init.protocol import Failure
from ops.cli.errors import DONE, NotAsked, Refused
from ops.cli.migrate import pins, show
from ops.cli.migrate.acting import change
from ops.cli.migrate.changes import bring
from ops.cli.migrate.folders import checked_engine
from ops.cli.migrate.known import Known
from ops.cli.migrate.losses import named_by
from ops.cli.migrate.survey import asked, survey
from ops.cli.printer import Printer


def down(printer: Printer, engine: str, to: str | None, *, yes: bool) -> int:
    """Take back everything above a version."""
    version = None if to is None else pins.version(to)
    checked_engine(engine)
    (one,) = found = survey(printer.stack, engine, counts=True)
    asked(found)
    if one.file_problems:
        raise Refused("\n".join(map(str, one.file_problems)))
    version = _target(one) if version is None else version or one.latest()
    pin = pins.wanted(engine, version, one.files)
    try:
        steps = way_back(engine, one.ledger, one.files, version)
    except Failure as failure:
        raise Refused(f"{failure.message.replace('; ', chr(10))}\nNothing was changed.") from None
    if not steps:
        return _without_steps(printer, one, version, pin)
    for entry, migration in steps:
        printer.say(f"{engine}: {migration.file} will be taken back{', where it stopped' if entry.dirty else ''}")
    lost = named_by((migration.down.body for _, migration in steps if migration.down is not None), one.counts)
    for name, count in lost.items():
        printer.say(f"{engine}: {name} holds {count}; what the way back removes is lost")
    for line in show.pin_changes(one, pin, "becomes"):
        printer.say(line)
    printer.agree_by_name(engine, yes=yes)
    change(printer, one, "down", pin=pin, to=version)
    names = [entry.name for entry, _ in steps]
    bring(printer, [replace(one, pin=pin)], {engine: pin}, done=f"{', '.join(names)} taken back")
    what = f"{len(names)} {'migration' if len(names) == 1 else 'migrations'} taken back"
    printer.end(
        f"Done: {what}; {engine} stays at {version} until ./karen migrate up {engine} --to latest.",
        {"engine": engine, "reverted": names, "version": version, "lost": lost, "changed": True},
    )
    return DONE


def _target(one: Known) -> str:
    """Return the version to go back to when none was named: an earlier `down` that was cut off had one."""
    if one.pin and one.unrecorded(one.pin):
        return one.pin
    if not one.ledger:
        raise Refused(f"{one.engine} has no migration to take back.")
    return one.below()


def _without_steps(printer: Printer, one: Known, version: str, pin: str) -> int:
    """Finish what an earlier run began: the engine is where it should be, and the rest may not be."""
    highest = max((entry.version for entry in one.ledger), default=pins.NOTHING)
    if version > highest:
        raise NotAsked(
            f"{one.engine} is at {one.version}, below {version}. Fix: ./karen migrate up {one.engine} --to {version}"
        )
    document = {"engine": one.engine, "reverted": [], "version": version, "lost": {}}
    if one.is_settled(pin):
        printer.end(f"Nothing to do: {one.engine} is at {version}.", {**document, "changed": False})
        return DONE
    plan = one.plan(pin)
    if one.dirty or plan.pending or plan.problems:
        told = [str(problem) for problem in plan.problems] + [f"{one.engine}/{m.file}: pending" for m in plan.pending]
        told.append(f"Nothing is above {version} to take back. Fix: ./karen migrate up {one.engine} --to {version}")
        raise Refused("\n".join(told))
    printer.say(f"{one.engine}: nothing is taken back; the configuration and Pulumi's record will say {version}")
    bring(printer, [one], {one.engine: pin})
    printer.end(f"Done: {one.engine} stays at {version}.", {**document, "changed": True})
    return DONE

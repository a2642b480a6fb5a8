"""`down`: backward. The configuration first, so that nobody goes forward again; then the engine; then Pulumi's record."""

from dataclasses import replace

from init.migrations.way_back import way_back
from init.protocol import Failure
from ops.cli import pins, show
from ops.cli.changes import bring
from ops.cli.errors import DONE, NotAsked, Refused
from ops.cli.folders import checked_engine
from ops.cli.known import Known
from ops.cli.losses import named_by
from ops.cli.printer import Printer
from ops.cli.survey import act, asked, survey


def down(printer: Printer, engine: str, to: str | None, *, yes: bool) -> int:
    """Take back everything above a version."""
    version = pins.version(to) if to else None
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
    lost = _lost(one, version)
    for name, count in lost.items():
        printer.say(f"{engine}: {name} holds {count}; what the way back removes is lost")
    for line in show.pin_changes(one, pin, "becomes"):
        printer.say(line)
    printer.agree_by_name(engine, yes=yes)
    _revert(printer, one, version, pin)
    bring(printer, [replace(one, pin=pin)], {engine: pin})
    names = [entry.name for entry, _ in steps]
    what = f"{len(names)} {'migration' if len(names) == 1 else 'migrations'} taken back"
    printer.end(
        f"Done: {what}; {engine} stays at {version} until ./karen migrate up {engine}.",
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
    printer.say(f"{one.engine}: nothing is taken back; the configuration and Pulumi's record will say {version}")
    bring(printer, [one], {one.engine: pin})
    printer.end(f"Done: {one.engine} stays at {version}.", {**document, "changed": True})
    return DONE


def _revert(printer: Printer, one: Known, version: str, pin: str) -> None:
    """Set the pin and take back; the pin is put back if nothing was taken back."""
    from init.resources.job import JobError
    from ops.cli.update import ensure_free

    ensure_free(printer)
    if one.pin != pin:
        pins.write(printer.stack, one.engine, pin)
    try:
        act(printer.stack, one.engine, "down", to=version)
    except JobError as error:
        now = survey(printer.stack, one.engine)[0]
        if not now.error and now.ledger == one.ledger:
            pins.write(printer.stack, one.engine, one.pin)
            raise Refused(f"{error}\nNothing was changed.") from None
        raise Refused(f"{error}\nThe configuration says {version}: the same command goes on.") from None


def _lost(one: Known, version: str) -> dict[str, int]:
    """Return what the ways back name, with how much it holds."""
    steps = way_back(one.engine, one.ledger, one.files, version)
    return named_by((migration.down.body for _, migration in steps if migration.down is not None), one.counts)

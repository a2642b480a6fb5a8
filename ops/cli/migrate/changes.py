"""`up` and `plan`: forward, through Pulumi, which writes what it records."""

from collections.abc import Mapping, Sequence

from init.migrations import NO_VERSION
from init.migrations.losses import removes
from ops.cli.errors import DONE, Locked, NotAsked, Refused
from ops.cli.migrate import pins, show
from ops.cli.migrate.known import Known
from ops.cli.migrate.survey import asked, survey
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded


def plan(printer: Printer, engine: str | None, to: str | None) -> int:
    """Tell what `up` would do."""
    version = _version(engine, to)
    found = survey(printer.stack, engine)
    asked(found)
    return show.plan(found, _wanted(found, version), printer)


def up(printer: Printer, engine: str | None, to: str | None, *, yes: bool) -> int:
    """Apply what is pending; without anything to do, Pulumi is not run at all."""
    version = _version(engine, to)
    found = survey(printer.stack, engine)
    asked(found)
    wanted = _wanted(found, version)
    problems = [str(problem) for one in found for problem in one.plan(wanted[one.engine]).problems]
    if problems:
        raise Refused("\n".join([*problems, "Nothing was changed."]))
    work = [one for one in found if not one.is_settled(wanted[one.engine])]
    if not work:
        sentence = f"Nothing to do: {_versions(found)}.{_stopped(found, wanted)}"
        printer.end(sentence, _document({}, {one.engine: one.version for one in found}))
        return DONE
    applied = {one.engine: [step.name for step in one.plan(wanted[one.engine]).pending] for one in work}
    for one in work:
        for line in [*show.pin_changes(one, wanted[one.engine], "becomes"), *_steps(one, wanted[one.engine])]:
            printer.say(line)
    for engine in [
        one.engine for one in work if any(removes(step.up) for step in one.plan(wanted[one.engine]).pending)
    ]:
        printer.agree_by_name(engine, yes=yes)
    recorded = bring(printer, work, wanted)
    versions = {one.engine: recorded.records[one.engine].version for one in found}
    total = sum(map(len, applied.values()))
    told = ", ".join(f"{name} is at {version}" for name, version in versions.items() if name in applied)
    applied_now = f"{total} {'migration' if total == 1 else 'migrations'} applied"
    printer.end(f"Done: {applied_now}; {told}.{_stopped(found, wanted)}", _document(applied, versions))
    return DONE


def bring(printer: Printer, work: Sequence[Known], wanted: Mapping[str, str], *, done: str = "") -> Recorded:
    """Set the pins and have Pulumi update the engines. `done` tells what has been done to an engine already.

    Pins are put back when the update does not begin; after something was done they stay, and the same command goes on.
    """
    from ops.cli.migrate.update import ensure_free, update

    changed = [one for one in work if one.pin != wanted[one.engine]]
    try:
        ensure_free(printer)
        for one in changed:
            pins.write(printer.stack, one.engine, wanted[one.engine])
        unseen = any(one.is_unseen(wanted[one.engine]) for one in work)
        engines = [one.engine for one in work]
        return update(printer, engines + _left_behind(printer.stack, engines), refresh=unseen)
    except (Locked, NotAsked) as error:
        if done:
            raise type(error)(f"{error}\n{done}, and Pulumi has not recorded it: run the same command again.") from None
        for one in changed:
            pins.write(printer.stack, one.engine, one.pin)
        raise type(error)(f"{error}\nNothing was changed.") from None
    except Refused as error:
        kept = ", ".join(f"ai-karen-db:{pins.key(one.engine)} is {pins.shown(wanted[one.engine])}" for one in changed)
        told = [done and f"{done}, and Pulumi has not recorded it.", kept and f"{kept} now."]
        raise Refused("\n".join([str(error), *filter(None, told)])) from None


def _left_behind(stack: str, engines: Sequence[str]) -> list[str]:
    """Return the other engines that a killed command has changed and Pulumi has not recorded: the verification asks them as well."""
    settings = pins.configuration(stack)
    records = Recorded.read(stack).records.values()
    moved = [one.engine for one in records if one.target != pins.pin(settings, one.engine)]
    left = [known for engine in moved if engine not in engines for known in survey(stack, engine)]
    return [
        one.engine
        for one in left
        if not (one.error or one.dirty or (plan := one.plan(one.pin)).pending or plan.problems)
    ]


def _version(engine: str | None, to: str | None) -> str | None:
    """Return the version that was asked for, empty for the latest, None for what each engine's pin says."""
    if to is None:
        return None
    version = pins.version(to)
    if version and engine is None:
        raise NotAsked("--to needs an engine: every engine has versions of its own. Fix: name it, or --to latest")
    return version


def _wanted(found: Sequence[Known], version: str | None) -> dict[str, str]:
    """Return each engine's pin for a version."""
    return {
        one.engine: one.pin
        if version is None
        else ("" if one.file_problems else pins.wanted(one.engine, version, one.files))
        for one in found
    }


def _steps(one: Known, pin: str) -> list[str]:
    lines = [
        f"{one.engine}: {migration.file} will be applied{', and may remove data' if removes(migration.up) else ''}"
        for migration in one.plan(pin).pending
    ]
    return lines or [f"{one.engine}: Pulumi's record will be brought up to date"]


def _stopped(found: Sequence[Known], wanted: Mapping[str, str]) -> str:
    """Return a sentence about the engines that a pin keeps below their newest file."""
    below = [f"{one.engine} stops at {wanted[one.engine]}" for one in found if wanted[one.engine]]
    return f" {', '.join(below)}, as configured; --to latest goes on." if below else ""


def _versions(found: Sequence[Known]) -> str:
    return ", ".join(f"{one.engine} is at {one.version}" for one in found if one.version != NO_VERSION) or "no versions"


def _document(applied: Mapping[str, Sequence[str]], versions: Mapping[str, str]) -> dict[str, object]:
    engines = [
        {"engine": name, "version": version, "applied": list(applied.get(name, ()))}
        for name, version in versions.items()
    ]
    return {"changed": bool(applied), "engines": engines}

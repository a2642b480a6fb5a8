"""`reset`: every engine of a stack that is up emptied in place, and initialized again by Pulumi."""

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from components.machine import generation, generation_file
from components.settings import Settings, SettingsError
from init.engines.base import WIPE_FAILED
from ops.cli.errors import DONE, CommandError, Refused
from ops.cli.leases import leased
from ops.cli.migrate import pins
from ops.cli.migrate.asking import toolbox_image
from ops.cli.migrate.folders import files_of, migrated
from ops.cli.migrate.known import Known
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded
from ops.cli.services import health, jobs
from ops.cli.services.covered import ensure_covered
from ops.cli.services.losses import Contents, losses
from ops.engine_errors import engine_errors

# To count every row of a large table takes a while; to remove every object of a large bucket as well.
_LOOK_SECONDS = 120.0
_WIPE_SECONDS = 1800.0
# With these, or without a kind, something may be gone.
_TOUCHED = ("", WIPE_FAILED, "Unexpected")
_UNTOUCHED = "Nothing was touched."


def reset(printer: Printer, *, yes: bool, confirm: str | None) -> int:
    """Show what will be lost, and when that is agreed to, remove it and initialize the stack."""
    from ops.cli.migrate.update import ensure_free

    began = time.monotonic()
    settings, recorded = pins.configuration(printer.stack), Recorded.read(printer.stack)
    production = settings.get("mode", "development") != "development" or recorded.protected
    check_leave(printer.stack, production=production, yes=yes, confirm=confirm)
    problems = list(_problems(settings, recorded))
    if problems:
        raise Refused("\n".join([*problems, _UNTOUCHED]))
    ensure_free(printer)
    if str(settings.get("enableBackups", False)).lower() == "true":
        printer.progress("looking for a backup of now")
        printer.say(f"backup: {ensure_covered(printer.stack, recorded.records)}, which is whole")
    printer.progress("looking at what the engines hold")
    job = {**jobs.described(printer.stack), "image": toolbox_image(printer.stack, settings)}
    found = _contents(printer.stack, job)
    for line in losses(found):
        printer.say(line)
    looked = time.monotonic() - began
    if production:
        printer.agree_by_name(printer.stack, yes=confirm is not None, option=f"--confirm {printer.stack}")
    else:
        printer.agree(f"Remove all of it and initialize {printer.stack} again?", yes=yes or confirm is not None)
    with leased(printer.stack, "./karen reset"):
        return _carry_out(printer, job, recorded, found, looked)


def check_leave(stack: str, *, production: bool, yes: bool, confirm: str | None) -> None:
    """Return if such a stack may be reset with these options; Refused otherwise."""
    if confirm not in (None, stack):
        raise Refused(f"--confirm is {confirm!r}, and the stack is {stack!r}. {_UNTOUCHED} Fix: --confirm {stack}")
    if production and yes and confirm is None:
        raise Refused(
            f"{stack} is in production: --yes is not enough to reset it. {_UNTOUCHED}"
            f" Fix: ./karen reset --stack {stack} --confirm {stack}"
        )


def _problems(settings: Mapping[str, Any], recorded: Recorded) -> Iterator[str]:
    """Yield what would keep Pulumi from initializing the empty engines."""
    try:
        chosen = Settings.parse(pins.readable(settings))
    except SettingsError as error:
        yield from error.problems
        return
    for engine, record in recorded.records.items():
        if not getattr(chosen, f"enable_{engine}", True):
            yield f"{engine} is up and not enabled any more. Fix: make up STACK={recorded.stack}"
        if engine in migrated():
            files, problems = files_of(engine)
            pin = pins.pin(settings, engine)
            yield from map(str, Known(engine, files, pin, record, {}, problems).plan(pin).problems)


def _contents(stack: str, job: Mapping[str, Any]) -> Contents:
    """Return what every engine holds; Refused if one is not healthy, or is in use by somebody whom a reset would disturb."""
    rows = health.asked(stack, job, seconds=_LOOK_SECONDS, contents=True)
    wrong = [health.sentence(row, stack) for row in rows if row["cause"] or row["status"] != "healthy"]
    if wrong:
        raise Refused("\n".join([*wrong, _UNTOUCHED]))
    return {row["service"]: row["contents"] for row in rows}


def _carry_out(printer: Printer, job: Mapping[str, Any], recorded: Recorded, found: Contents, looked: float) -> int:
    """Empty the engines and have Pulumi initialize them."""
    from ops.cli.migrate.update import update

    began = time.monotonic()
    printer.progress("emptying the engines")
    emptied = _wipe(printer.stack, job)
    wiped = time.monotonic() - began
    printer.progress("initializing them")
    try:
        now = update(printer, list(recorded.records))
    except CommandError as error:
        raise type(error)(
            f"{error}\nThe engines are empty, and not all are initialized: run the same command again."
        ) from None
    total = looked + time.monotonic() - began
    engines = [
        {"engine": name, "lost": found[name], "seconds": emptied[name]["seconds"], "version": now.records[name].version}
        for name in sorted(recorded.records)
    ]
    seconds = {"looked": round(looked, 1), "emptied": round(wiped, 1), "total": round(total, 1)}
    told = f"Done: {printer.stack} is empty and initialized again, in {total:.1f} s."
    printer.end(told, {"changed": True, "engines": engines, "seconds": seconds})
    return DONE


def _wipe(stack: str, job: Mapping[str, Any]) -> jobs.Answers:
    """Empty the engines, after a note that makes any later update initialize them, also when this process is killed."""
    from init.resources.job import JobError

    earlier, path = generation(stack), generation_file(stack)
    try:
        with jobs.started(job, "wipe", seconds=_WIPE_SECONDS) as ask:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(uuid.uuid4().hex, encoding="utf-8")
            return ask()
    except engine_errors(JobError) as error:
        # A failure of another kind is from before anything was touched.
        if isinstance(error, JobError) and error.kind not in _TOUCHED:
            path.write_text(earlier, encoding="utf-8")
        raise Refused(str(error)) from None

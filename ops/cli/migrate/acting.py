"""Having a job change an engine: while no update runs, and only if the engine is as it was shown to whoever agreed."""

from typing import Any

from ops.cli.errors import CommandError, Locked, NotAsked, Refused
from ops.cli.leases import leased
from ops.cli.migrate import pins
from ops.cli.migrate.known import Known
from ops.cli.migrate.survey import act, survey
from ops.cli.printer import Printer
from ops.engine_errors import engine_errors


def change(printer: Printer, one: Known, action: str, *, pin: str | None = None, **request: Any) -> dict[str, Any]:
    """Set the engine's pin if one is given, have a job do it, and return what it tells.

    The pin comes first, so that nobody goes the other way meanwhile; it is put back if nothing was done. Refused says why.
    """
    from init.resources.job import JobError
    from ops.cli.migrate.update import ensure_free

    try:
        ensure_free(printer)
    except Locked as error:
        raise Locked(f"{error}\nNothing was changed.") from None
    pinned = pin is not None and pin != one.pin
    if pin is not None and pinned:
        pins.write(printer.stack, one.engine, pin)
    try:
        with leased(printer.stack, f"./karen migrate {action} {one.engine}", [one.engine]):
            return act(printer.stack, one, action, **request)
    except (JobError, Refused) as error:
        raise Refused(f"{error}{_put_back(printer, one) if pinned else ''}") from None
    except engine_errors(NotAsked) as error:
        raise NotAsked(f"{error}{_put_back(printer, one) if pinned else ''}") from None


def _put_back(printer: Printer, one: Known) -> str:
    """Put the pin back if the engine's ledger is as it was, and say what is so now."""
    try:
        (now,) = survey(printer.stack, one.engine)
        if not now.error and now.ledger == one.ledger:
            pins.write(printer.stack, one.engine, one.pin)
            return "\nNothing was changed."
    except CommandError:
        pass
    setting = f"ai-karen-db:{pins.key(one.engine)}"
    return f"\n{setting} is not {pins.shown(one.pin)} any more: once the cause is removed, run the same command again."

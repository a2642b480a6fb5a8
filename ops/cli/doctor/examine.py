"""Running every check, all at once, and telling what they found: the worst first."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from ops.cli.doctor import backups, certificates, engines, machine, stack, tools
from ops.cli.doctor.model import Check, Finding, Patient
from ops.cli.errors import DONE, NOT_ASKED, REFUSED, CommandError
from ops.cli.printer import Printer
from ops.engine_errors import engine_errors
from ops.for_stack import for_stack

CHECKS: tuple[Check, ...] = (
    *engines.CHECKS,
    *backups.CHECKS,
    *certificates.CHECKS,
    *machine.CHECKS,
    *tools.CHECKS,
    *stack.CHECKS,
)
_ORDER = ("problem", "unknown", "warning", "ok")
_MARKS = {"problem": "✗", "unknown": "?", "warning": "!", "ok": "✓"}
_STYLES = {"problem": "red", "unknown": "yellow", "warning": "yellow", "ok": "green"}
_ENGINE_SECONDS = 10


def doctor(printer: Printer) -> int:
    """Print every finding with its fix; exit 1 when there is a problem, 2 when something could not be told."""
    with _patient(printer.stack) as patient:
        # Others use it while they run: what is wrong with it is asked first.
        found = [*_guarded(stack.configuration, patient)]
        rest = [check for check in CHECKS if check is not stack.configuration]
        with ThreadPoolExecutor(max_workers=len(rest)) as pool:
            for answers in pool.map(lambda check: _guarded(check, patient), rest):
                found += answers
    found.sort(key=lambda one: _ORDER.index(one.status))
    _show(printer, found)
    counts = {status: sum(one.status == status for one in found) for status in _ORDER}
    told = ", ".join(f"{count} {status}{'s' if count != 1 and status in ('problem', 'warning') else ''}"
                     for status, count in counts.items() if count)  # fmt: skip
    document = [{"check": one.check, "status": one.status, "message": one.message, "fix": one.fix} for one in found]
    printer.end(f"{told}.", {"healthy": not counts["problem"] and not counts["unknown"], "findings": document})
    return REFUSED if counts["problem"] else NOT_ASKED if counts["unknown"] else DONE


@contextmanager
def _patient(name: str) -> Iterator[Patient]:
    import docker

    try:
        client = docker.from_env(timeout=_ENGINE_SECONDS)
        client.ping()
    except engine_errors() as error:
        yield Patient(name, None, str(error))
        return
    try:
        yield Patient(name, client)
    finally:
        client.close()


def _guarded(check: Check, patient: Patient) -> Sequence[Finding]:
    """Run a check; one that fails itself is a finding as well."""
    try:
        found = list(check(patient))
    except CommandError as error:
        message, _, fix = str(error).partition(" Fix: ")
        found = [Finding(check.__name__, "unknown", message, fix)]
    except Exception as error:  # noqa: BLE001 - a doctor who falls over helps nobody
        told = f"the check failed: {type(error).__name__}: {error}"
        found = [Finding(check.__name__, "unknown", told, "run it again; make bootstrap puts the tools in order")]
    return [replace(one, fix=for_stack(one.fix, patient.stack)) for one in found]


def _show(printer: Printer, found: Sequence[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 1))
    for _ in range(3):
        table.add_column(overflow="fold")
    for one in found:
        told = Text(one.message)
        if one.fix:
            told.append(f"\nFix: {one.fix}", style="bold")
        table.add_row(Text(_MARKS[one.status], style=_STYLES[one.status]), Text(one.check), told)
    printer.table(table)

"""`certificates show` and `certificates authority`."""

from datetime import UTC, datetime

from monitor.certificate_rules import AUTHORITY, day
from ops.cli.certificates.expiring import Issued, certificates, conditions, first
from ops.cli.errors import DONE, REFUSED, NotAsked
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded


def show(printer: Printer) -> int:
    """Print a table, and what is about to expire."""
    found, now = known(printer.stack), datetime.now(UTC)
    wrong = conditions(found, printer.stack)
    if not printer.as_json:
        from rich import box
        from rich.table import Table

        table = Table("certificate", "expires", "days", box=box.SIMPLE_HEAD, pad_edge=False)
        for one in found:
            table.add_row(one.service, day(one.expires), str(one.left(now).days))
        printer.table(table)
    for condition in wrong:
        printer.say(f"{condition.severity}: {condition.summary}. Fix: {condition.fix}")
    next_one = first(found)
    assert next_one is not None
    printer.end(
        f"The next to expire is that of {next_one.service}, on {day(next_one.expires)}.",
        {"certificates": [one.document(now) for one in found], "alerts": [one.document() for one in wrong]},
    )
    return REFUSED if wrong else DONE


def authority(printer: Printer) -> int:
    """Print the authority's certificate and nothing else."""
    text = next(one.certificate for one in known(printer.stack) if one.service == AUTHORITY)
    if printer.as_json:
        printer.end("", {"certificate": text})
    else:
        print(text, end="", flush=True)
    return DONE


def known(stack: str) -> list[Issued]:
    """Return the stack's certificates; NotAsked without any."""
    # It says it better when the stack is not up.
    Recorded.read(stack)
    found = certificates(stack)
    if not found:
        told = f"The stack {stack} has no certificates: its connections are not encrypted"
        raise NotAsked(
            f"{told}. Fix: pulumi config set ai-karen-db:tls true --stack {stack}, and make up STACK={stack}"
        )
    return found

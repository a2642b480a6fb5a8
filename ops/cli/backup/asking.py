"""What every command of backups does first: read the stack, start jobs, turn their failures into sentences."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from init.resources.gate import UnhealthyError
from init.resources.job import JobError
from ops.backups import jobs
from ops.backups.reporting import Reporter, reporter
from ops.backups.stack import StackBackups
from ops.cli.errors import NotAsked, Refused
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded

# What is wrong with the place, not with what lies there.
_NOT_ASKED = ("", "TargetFailed", "BadRequest")


def described(stack: str) -> StackBackups:
    """Return how a stack's backups are reached; NotAsked if it is not up."""
    # It says it better than Pulumi when the stack is not up.
    Recorded.read(stack)
    return StackBackups.of(stack)


@contextmanager
def failures() -> Iterator[None]:
    """Turn what a job could not do, or a server that does not come back, into the end of the command."""
    try:
        yield
    except JobError as error:
        raise (NotAsked if error.kind in _NOT_ASKED else Refused)(str(error)) from None
    except UnhealthyError as error:
        raise Refused(str(error)) from None


def ask(backups: StackBackups, step: str, printer: Printer, **request: Any) -> dict[str, Any]:
    """Have a job of the stack do one step on its own target, showing what it tells."""
    with reporter(quiet=printer.as_json) as shown, failures():
        return jobs.ask(backups, step, {"configuration": backups.configuration, **request}, shown)


def quietly(backups: StackBackups, step: str, **request: Any) -> Mapping[str, Any]:
    """The same for what takes moments; nothing is shown."""
    with failures():
        return jobs.ask(backups, step, {"configuration": backups.configuration, **request}, Reporter(quiet=True))

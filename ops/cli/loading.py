"""`./karen load`: a file into an engine."""

from pathlib import Path

from init.protocol import Failure
from ops.cli.errors import DONE, NotAsked, Refused
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded
from ops.pulumi import PulumiError


def load(printer: Printer, engine: str, target: str, path: Path) -> int:
    """Load a file and tell what was loaded; NotAsked if the request makes no sense, Refused with the engine's reason."""
    from init.loads.source import SUFFIXES
    from init.resources.job import JobError
    from ops.load import load_file

    if engine not in SUFFIXES:
        raise NotAsked(f"{engine!r} takes no files; allowed: {', '.join(SUFFIXES)}")
    # It says it better than Pulumi when the stack is not up.
    Recorded.read(printer.stack)
    try:
        found = load_file(printer.stack, engine, target, path, quiet=printer.as_json)
    except Failure as failure:
        raise NotAsked(f"{failure.message}. Fix: {failure.fix}") from None
    except JobError as error:
        raise Refused(str(error)) from None
    except PulumiError as error:
        raise NotAsked(str(error)) from None
    told = ", ".join(f"{key} {value}" for key, value in found.items())
    printer.end(f"Done: {path.name} is in {engine}'s {target} ({told}).", {"engine": engine, "target": target, **found})
    return DONE

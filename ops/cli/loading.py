"""`./karen load`: a file into an engine."""

from pathlib import Path

from ops.cli.errors import DONE, NotAsked, Refused
from ops.cli.folders import checked_engine
from ops.cli.printer import Printer
from ops.pulumi import PulumiError


def load(printer: Printer, engine: str, target: str, path: Path) -> int:
    """Load a file and tell what was loaded; Refused with the engine's reason."""
    from init.resources.job import JobError
    from ops.load import load_file

    checked_engine(engine)
    try:
        found = load_file(printer.stack, engine, target, path, quiet=printer.as_json)
    except JobError as error:
        raise Refused(str(error)) from None
    except PulumiError as error:
        raise NotAsked(str(error)) from None
    told = ", ".join(f"{key} {value}" for key, value in found.items())
    printer.end(f"Done: {path.name} is in {engine}'s {target} ({told}).", {"engine": engine, "target": target, **found})
    return DONE

"""After a restore: Pulumi initializes again, so that ledgers, its record and the schemas agree."""

import uuid
from collections.abc import Sequence

from components.machine import generation_file
from ops.cli.migrate.update import update
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded


def settle(printer: Printer, engines: Sequence[str]) -> None:
    """Have the initializations of a stack run as if its data were new to it: what a set lacks is migrated, nothing is emptied."""
    printer.progress(f"initializing what was restored: {', '.join(engines)}")
    path = generation_file(printer.stack)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(uuid.uuid4().hex, encoding="utf-8")
    update(printer, list(Recorded.read(printer.stack).records))

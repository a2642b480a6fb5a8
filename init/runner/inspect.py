"""Looking without touching: what an engine has recorded, what its schema is, and what differs from what it should be."""

from typing import Any

from init.migrations import schema_version
from init.runner.drift import differences
from init.runner.run import Run


def inspect(run: Run, *, counts: bool = False) -> dict[str, Any]:
    """Return ledger, differences and kept versions; with `counts` also how much every table, index and so on holds."""
    ledger = run.driver.ledger()
    expected = run.coordinator.expected(run.engine, ledger)
    found = run.driver.objects()
    mirrored = run.coordinator.history(run.engine) == ledger
    return {
        "engine": run.engine,
        "server_version": run.driver.server_version(),
        "schema_version": schema_version(ledger),
        "ledger": [entry.document() for entry in ledger],
        # Before the first run, and after one that was cut off, nobody knows how the schema should look.
        "compared": expected is not None,
        "drift": [] if expected is None else differences(expected, found),
        "mirrored": mirrored,
        "kept": run.driver.kept(),
        "objects": len(found),
        **({"counts": run.driver.verify()} if counts and ledger else {}),
    }

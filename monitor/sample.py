"""What the last round of checks found, as a document: `./karen status` reads it, and so does the container's health check."""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor.alerts.model import Condition
from monitor.causes import Cause
from monitor.configuration import OPERATIONS
from monitor.history import History
from monitor.ledgers import Ledger
from monitor.model import Observation
from monitor.store import DIRECTORY, SAMPLE

SCHEMA = 1
# Several rounds; a round may have to wait for all that do not answer.
_OLD_SECONDS = 45.0


def sample(
    observed: Mapping[str, Observation],
    found: Mapping[str, Cause],
    histories: Mapping[str, History],
    ledgers: Mapping[str, Ledger],
    *,
    stopped: Collection[str],
    leased: Collection[str],
    conditions: Iterable[Condition],
    status: str,
    at: datetime,
) -> dict[str, Any]:
    """Return everything that is known, by service."""
    return {
        "schema": SCHEMA,
        "at": at.isoformat(),
        "status": status,
        "services": {
            name: {
                "status": "stopped" if name in stopped else "maintenance" if name in leased else one.answer.status,
                "latency": one.answer.latency,
                "cause": found[name].root if name in found else None,
                "error": found[name].summary if name in found else None,
                "disk": asdict(one.disk) if one.disk else None,
                "memory": asdict(one.memory) if one.memory else None,
                "recoveries": len(histories[name].restarts),
                "given_up": histories[name].given_up,
                "schema_version": ledgers[name].version if name in ledgers else None,
                "problems": list(ledgers[name].problems) if name in ledgers else [],
            }
            for name, one in observed.items()
        },
        "alerts": [asdict(one) for one in conditions],
    }


def is_recent(directory: Path = OPERATIONS / DIRECTORY) -> bool:
    """Whether a sample was written lately."""
    try:
        return time.time() - (directory / SAMPLE).stat().st_mtime < _OLD_SECONDS
    except OSError:
        return False

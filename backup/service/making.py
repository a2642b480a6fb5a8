"""One run in a process of its own: a set is made, then the retention removes what is over. Lines of JSON on standard output tell of it.

A process of its own gives back all memory in the end, and can be ended at any moment: what is unfinished is no set.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from backup.configuration import Configuration
from backup.model import GOOD
from init.protocol import Failure

_WAIT_SECONDS = 900.0
Tell = Callable[[Mapping[str, Any]], None]


class Aborted(BaseException):
    """The run was told to end."""


def main(file: Path, trigger: str) -> int:
    """Make a set for the configuration in a file; 0 when the last line says what became of it."""
    signal.signal(signal.SIGTERM, _abort)
    # What a library prints goes to the log.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    def tell(document: Mapping[str, Any]) -> None:
        answer.write(json.dumps(document) + "\n")

    try:
        tell(made(Configuration.read(file), trigger, tell))
    except Aborted:
        tell({"state": "aborted"})
    except Failure as failure:
        tell({"state": "failed", "error": failure.document()})
    except Exception as error:  # noqa: BLE001 - a run always says what became of it
        unexpected = Failure("Unexpected", f"backups: {type(error).__name__}: {error}", "report this")
        tell({"state": "failed", "error": unexpected.document()})
    # Client libraries leave threads behind that would hold the exit up.
    answer.flush()
    sys.stderr.flush()
    os._exit(0)


def made(configuration: Configuration, trigger: str, tell: Tell) -> dict[str, Any]:
    """Make the set and prune; return what became of it: `state`, `set`, `reasons` by engine, `removed` sets."""
    from backup.creating import create
    from backup.retaining import retain

    def progress(line: str) -> None:
        tell({"progress": line})

    manifest = create(configuration, trigger=trigger, progress=progress)
    reasons = {name: part.reason for name, part in manifest.engines.items() if part.state != GOOD}
    result = {"state": "good" if manifest.good else "incomplete", "set": manifest.id, "reasons": reasons}
    try:
        decision = retain(configuration, wait_seconds=_WAIT_SECONDS)
    except Failure as failure:
        # The set is there all the same.
        return {**result, "error": failure.document()}
    return {**result, "removed": list(decision.plan.removed)}


def _abort(number: int, frame: FrameType | None) -> None:
    # Once: what cleans up is not to be cut off itself.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Aborted

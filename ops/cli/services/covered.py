"""Before a reset: is there a backup of everything that is about to be removed, and is it whole right now?"""

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from backup.engines import NAMES
from ops.cli.errors import Refused

# What was written since then is lost.
_NEW_SECONDS = 3600


def ensure_covered(stack: str, engines: Collection[str]) -> str:
    """Return the id of a good set of these engines that was begun less than an hour ago and is whole; Refused without one."""
    from ops.cli.backup.asking import described, quietly

    backups = described(stack)
    wanted = [name for name in NAMES if name in engines]
    found = covering(quietly(backups, "list")["sets"], wanted, time.time())
    fix = f"Fix: ./karen backup create --stack {stack}"
    if found is None:
        raise Refused(
            f"ai-karen-db:enableBackups is true: such a stack may be reset only after a verified backup, and no good set of"
            f" {', '.join(wanted)} was begun within the last hour. Nothing was touched. {fix}"
        )
    try:
        quietly(backups, "check", set=found)
    except Refused as error:
        message = str(error).partition(" Fix: ")[0]
        raise Refused(f"{message}\nThe set {found} is not to be relied on. Nothing was touched. {fix}") from None
    return found


def covering(sets: Sequence[Mapping[str, Any]], engines: Collection[str], now: float) -> str | None:
    """Return the newest good set that has all engines and was begun within the last hour (Unix seconds); None if none was."""
    fitting = [
        one
        for one in sets
        if one["good"] and now - one["began"] < _NEW_SECONDS and all(one["engines"].get(name) for name in engines)
    ]
    return max(fitting, key=lambda one: float(one["began"]))["id"] if fitting else None

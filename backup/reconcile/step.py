"""The step `reconcile` of a job."""

import sys
from collections.abc import Mapping
from typing import Any

from backup.reconcile.rounds import reconcile
from init.engines.base import required


def reconcile_step(request: Mapping[str, Any]) -> dict[str, Any]:
    """Reconcile with the connections in `engines`: `postgres`, and `elasticsearch`, `milvus` or both. See `reconcile`."""
    engines: dict[str, Any] = required(request, "engines", dict)
    required(engines, "postgres", dict)
    return reconcile(engines, dry_run=bool(request.get("dry_run")), progress=_tell)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

"""The `flush` action: Milvus writes what it holds in memory to its storage, so that its next start has less to read."""

from collections.abc import Mapping
from typing import Any

from init.engines import load
from init.engines.base import required, set_patience

_ENGINE = "milvus"
_PATIENCE_SECONDS = 3.0


def flush(request: Mapping[str, Any]) -> dict[str, Any]:
    """Flush every collection; return how many there are."""
    set_patience(float(request.get("patience", _PATIENCE_SECONDS)))
    engine: Any = load(_ENGINE)
    engine.connect({**required(required(request, "engines", dict), _ENGINE, dict), "must_exist": True})
    try:
        return {"engines": {_ENGINE: {"collections": engine.flush()}}}
    finally:
        engine.close()

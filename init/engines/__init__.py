"""Engine drivers, one file each, loaded by name: only the client library that a job needs is imported."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from init.engines.base import Engine

NAMES: tuple[str, ...] = ("postgres", "duckdb", "redis", "elasticsearch", "milvus", "minio", "etcd")


def load(name: str) -> "Engine":
    """Return a driver that is not connected yet; KeyError for a name that is not in `NAMES`."""
    if name not in NAMES:
        raise KeyError(name)
    driver: Engine = importlib.import_module(f"init.engines.{name}").Driver()
    return driver

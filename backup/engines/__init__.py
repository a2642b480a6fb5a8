"""Each engine's part of a set, one module each, loaded by name: only the client library that is needed is imported."""

import importlib

from backup.engines.base import Part

# In the order in which they are taken: what is derived first, so that PostgreSQL, the authority, is never behind it.
NAMES: tuple[str, ...] = ("duckdb", "redis", "elasticsearch", "milvus", "minio", "postgres")
# What can also be taken as a copy of volumes, and what is in it then.
COLD, HELD = "milvus", ("minio",)


def load(name: str, *, cold: bool = False) -> Part:
    """Return an engine's part, or that of a copy of its volumes; KeyError for a name that is not in `NAMES`."""
    if name not in NAMES:
        raise KeyError(name)
    part: Part = importlib.import_module(f"backup.engines.{name}{'_cold' if cold else ''}").PART
    return part

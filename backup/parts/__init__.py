"""What lies between an engine and a target: zstd, age, SHA-256 and sizes, as it streams.

A part's file `base.tar` of PostgreSQL lies at `postgres/base.tar.zst.age` below its set.
"""

from backup.parts.fetching import fetch
from backup.parts.sides import PartSink, PartSource
from backup.parts.storing import Storing, store

__all__ = ["PartSink", "PartSource", "Storing", "fetch", "store"]

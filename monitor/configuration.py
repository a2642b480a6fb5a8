"""What the monitor is told: one JSON file that its user alone may read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Where the stack's component puts things.
FILE = Path("/run/secrets/monitor.json")
OPERATIONS = Path("/operations")
VOLUMES = Path("/volumes")
SOCKET = "unix:///run/engine/engine.sock"


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One stack: its engines' connections, its servers' containers, what waits for what, and where alerts go.

    `networks` are those on which each server has to be. `interval` is the seconds between two checks; `port` is where metrics are read; `backups` says that a service makes sets.
    `certificates` is until when each is accepted (ISO 8601).
    """

    stack: str
    networks: Mapping[str, list[str]]
    engines: Mapping[str, Mapping[str, Any]]
    containers: Mapping[str, str]
    waits: Mapping[str, list[str]]
    interval: float
    port: int
    backups: bool = False
    webhook: str | None = None
    mail: Mapping[str, Any] | None = None
    certificates: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path = FILE) -> "Configuration":
        """Read the file that the stack's component wrote."""
        document: dict[str, Any] = json.loads(file.read_bytes())
        return cls(**document)

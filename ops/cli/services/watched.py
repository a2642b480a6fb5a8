"""What the monitor found last, as far as there is a monitor."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from monitor.store import DIRECTORY, SAMPLE
from ops.cli.services.containers import MONITOR, Servers
from ops.operations_volume import OperationsVolume, UnreachableError

# An older sample tells of a monitor that does not work.
STALE_SECONDS = 60


@dataclass(frozen=True)
class Watched:
    """The last sample and its age in seconds."""

    age: int
    services: Mapping[str, Mapping[str, Any]]
    alerts: list[Mapping[str, Any]]

    @property
    def stale(self) -> bool:
        """Whether the monitor has told nothing for too long."""
        return self.age > STALE_SECONDS

    def health(self, service: str) -> str | None:
        """Return what the last query brought: how long it took, such as `2 ms`, or what is wrong."""
        found = self.services.get(service)
        if found is None:
            return None
        status, latency = str(found["status"]), found.get("latency")
        return f"{1000 * latency:.0f} ms" if status == "healthy" and latency is not None else status

    def disk(self, service: str) -> Mapping[str, int] | None:
        """Return how many bytes of the file system of a service's volume are `used`, of what `limit`; None if nobody looked."""
        found: Mapping[str, int] | None = self.services.get(service, {}).get("disk")
        return found


def watched(stack: Servers) -> Watched | None:
    """Return the last sample; None without a monitor, or before it has looked for the first time."""
    if MONITOR not in stack.found:
        return None
    try:
        found = OperationsVolume(stack.client.api, stack.found[MONITOR].name).read(f"{DIRECTORY}/{SAMPLE}")
    except UnreachableError:
        return None
    if not found:
        return None
    try:
        age = datetime.now(UTC) - datetime.fromisoformat(found[0]["at"])
        return Watched(max(0, int(age.total_seconds())), found[0]["services"], found[0]["alerts"])
    except (KeyError, ValueError):
        return None

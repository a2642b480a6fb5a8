"""Maintenance leases, and what was stopped on purpose: small files on the operations volume.

A lease says that somebody works on services, which nobody else may touch meanwhile. Its holder counts `beat` up every few
seconds; a lease whose count stands still for `ttl_seconds` has lost its holder. Who reads it measures that by his own clock.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

LEASES, STOPPED = "leases", "stopped"
BEAT_SECONDS, TTL_SECONDS = 5.0, 30.0


@dataclass(frozen=True, kw_only=True)
class Lease:
    """One maintenance. Without `services` it is all of them; `expires_at` is the holder's idea of it, in Unix seconds."""

    id: str
    holder: str
    command: str
    services: tuple[str, ...] = ()
    beat: int = 0
    ttl_seconds: float = TTL_SECONDS
    expires_at: float = 0.0
    closed: bool = False

    def covers(self, service: str) -> bool:
        """Whether a service is under this maintenance."""
        return not self.services or service in self.services

    def overlaps(self, services: Collection[str]) -> bool:
        """Whether both are about the same service; no services are all of them."""
        return not services or not self.services or bool(set(services) & set(self.services))

    def document(self) -> dict[str, Any]:
        """Return it for a JSON file."""
        return asdict(self)

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Lease":
        """Read what `document` returned; ValueError for anything else."""
        try:
            return cls(**{**document, "services": tuple(document["services"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"no lease: {error}") from None


@dataclass
class Leases:
    """The leases of a directory, as somebody sees them who looks again and again."""

    directory: Path
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)

    def look(self, now: float) -> tuple[list[Lease], list[Lease]]:
        """Return the leases that are held, and those that have lost their holder; `now` is any clock that only goes on.

        What is closed is removed; one that is lost is told once, and removed as well.
        """
        held, lost = [], []
        found = list(self._read())
        for lease in found:
            beat, since = self._seen.get(lease.id, (-1, now))
            if beat != lease.beat:
                since = now
            self._seen[lease.id] = (lease.beat, since)
            if lease.closed:
                self._remove(lease)
            elif now - since >= lease.ttl_seconds:
                lost.append(lease)
                self._remove(lease)
            else:
                held.append(lease)
        self._seen = {lease.id: self._seen[lease.id] for lease in found}
        return held, lost

    def _read(self) -> Iterator[Lease]:
        for document in documents(self.directory / LEASES):
            try:
                yield Lease.parse(document)
            except ValueError:
                continue

    def _remove(self, lease: Lease) -> None:
        (self.directory / LEASES / f"{lease.id}.json").unlink(missing_ok=True)


def stopped(directory: Path) -> set[str]:
    """Return the services that were stopped on purpose."""
    return {str(one["service"]) for one in documents(directory / STOPPED) if one.get("stopped")}


def forget_stopped(directory: Path, service: str) -> None:
    """Take a service for one that was not stopped on purpose: somebody has started it."""
    (directory / STOPPED / f"{service}.json").unlink(missing_ok=True)


def documents(directory: Path) -> Iterator[dict[str, Any]]:
    """Return the JSON objects of a directory; one that is being written is left out until it is complete."""
    for file in sorted(directory.glob("*.json")):
        try:
            document = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(document, dict):
            yield document

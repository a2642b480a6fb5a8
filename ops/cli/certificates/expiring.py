"""Until when a stack's certificates are accepted, as Pulumi recorded it, and what is wrong with that."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitor import certificate_rules
from monitor.alerts.model import Condition
from monitor.certificate_rules import AUTHORITY
from ops.cli.recorded import resources, revealed
from policy.graph import CERTIFICATE


@dataclass(frozen=True)
class Issued:
    """A certificate (PEM) of a server, or of the authority."""

    service: str
    expires: datetime
    certificate: str
    urn: str

    def left(self, now: datetime) -> timedelta:
        """Return for how long it is still accepted, less than nothing if it is not."""
        return self.expires - now

    def document(self, now: datetime) -> dict[str, str | int]:
        """Return it as JSON, without its text."""
        return {"service": self.service, "expires": self.expires.isoformat(), "days": self.left(now).days}


def certificates(stack: str) -> list[Issued]:
    """Return what is recorded, the authority's first; nothing where connections are not encrypted."""
    found = []
    for one in resources(stack):
        told = revealed(one.get("outputs") or {}) if one["type"] == CERTIFICATE and not one.get("delete") else {}
        if told.get("certificate"):
            expires = datetime.fromisoformat(told["expires"])
            found.append(Issued(str(told["service"]), expires, str(told["certificate"]), str(one["urn"])))
    return sorted(found, key=lambda one: (one.service != AUTHORITY, one.service))


def conditions(found: Iterable[Issued], stack: str) -> list[Condition]:
    """Return what is about to expire, or has expired."""
    return list(certificate_rules.conditions({one.service: one.expires for one in found}, datetime.now(UTC), stack))


def first(found: Sequence[Issued]) -> Issued | None:
    """Return the one that expires first."""
    return min(found, key=lambda one: one.expires, default=None)

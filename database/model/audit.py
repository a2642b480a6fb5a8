"""Who did what: records are only ever added."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from database.model import checks

OUTCOMES = ("success", "failure", "denied")


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One action. `id` and `occurred_at` are the server's and None before it is written."""

    action: str
    user_id: str | None = None
    resource_type: str | None = None
    resource_id: str | None = None
    outcome: str = "success"
    ip_address: IPv4Address | IPv6Address | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    id: int | None = None
    occurred_at: datetime | None = None

    def __post_init__(self) -> None:
        """Check what a column would refuse; InvalidInput or BadDocument."""
        checks.identifier(self.action, "action", engine="postgres", most=100)
        checks.optional(self.user_id, "user_id", engine="postgres")
        checks.optional(self.resource_type, "resource_type", engine="postgres", most=100)
        checks.optional(self.resource_id, "resource_id", engine="postgres", most=255)
        checks.one_of(self.outcome, "outcome", OUTCOMES, engine="postgres")
        checks.document(self.details, "details", engine="postgres")

"""Extensions: what is installed for all tenants, each tenant's settings of it, what users may, and what it has left."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from database.model import checks

# Who stands for every user.
EVERYBODY = "*"
STATUSES = ("installed", "enabled", "disabled", "failed", "uninstalled")


@dataclass(frozen=True, slots=True)
class Extension:
    """An installed extension, by its name. `id` and the times are the server's and None before it is written."""

    name: str
    version: str
    description: str | None = None
    author: str | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    status: str = "installed"
    id: UUID | None = None
    installed_at: datetime | None = None
    updated_at: datetime | None = None

    def __post_init__(self) -> None:
        """Check what a column would refuse; InvalidInput or BadDocument."""
        checks.identifier(self.name, "name", engine="postgres", most=100)
        checks.identifier(self.version, "version", engine="postgres", most=50)
        if self.description is not None:
            checks.text(self.description, "description", engine="postgres")
        checks.optional(self.author, "author", engine="postgres", most=255)
        checks.document(self.manifest, "manifest", engine="postgres")
        checks.one_of(self.status, "status", STATUSES, engine="postgres")


@dataclass(frozen=True, slots=True)
class ExtensionSetting:
    """One setting of an extension; `is_shared` says that it is everybody's, and not the tenant's own."""

    extension: str
    key: str
    value: Any
    is_shared: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ExtensionPermission:
    """What a user may do with an extension, or may not if it is not granted; `user_id` is `*` where it is everybody's."""

    extension: str
    user_id: str
    permission: str
    is_granted: bool
    granted_by: str | None
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class ExtensionMetric:
    """One measured value, finite. `id` and `recorded_at` are the server's and None before it is written."""

    extension: str
    metric: str
    value: float
    labels: Mapping[str, Any] = field(default_factory=dict)
    id: int | None = None
    recorded_at: datetime | None = None

    def __post_init__(self) -> None:
        """Check what a column would refuse; InvalidInput or BadDocument."""
        checks.identifier(self.extension, "extension", engine="postgres", most=100)
        checks.identifier(self.metric, "metric", engine="postgres", most=100)
        checks.finite(self.value, "value", engine="postgres")
        checks.document(self.labels, "labels", engine="postgres")


@dataclass(frozen=True, slots=True)
class ExtensionEvent:
    """What happened to an extension; the record outlives it. `id` and `occurred_at` are the server's."""

    extension: str
    action: str
    user_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    id: int | None = None
    occurred_at: datetime | None = None

    def __post_init__(self) -> None:
        """Check what a column would refuse; InvalidInput or BadDocument."""
        checks.identifier(self.extension, "extension", engine="postgres", most=100)
        checks.identifier(self.action, "action", engine="postgres", most=100)
        checks.optional(self.user_id, "user_id", engine="postgres")
        checks.document(self.details, "details", engine="postgres")

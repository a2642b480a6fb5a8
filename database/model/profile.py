"""Who a user is, and what became of each field."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from database.model import checks


@dataclass(frozen=True, slots=True)
class Profile:
    """One JSON object per user. The times are the server's and None before it is written."""

    user_id: str
    profile: Mapping[str, Any]
    created_at: datetime | None = None
    last_update: datetime | None = None

    def __post_init__(self) -> None:
        """Check key and document; InvalidInput or BadDocument."""
        checks.identifier(self.user_id, "user_id", engine="postgres")
        checks.document(self.profile, "profile", engine="postgres")


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """One field of a profile before and after; None stands for no value. `timestamp` is Unix time in seconds."""

    id: int
    user_id: str
    timestamp: float
    field: str
    old: Any
    new: Any

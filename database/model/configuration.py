"""Settings of the whole system."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from database.model import checks


@dataclass(frozen=True, slots=True)
class SystemSetting:
    """One setting, any JSON value. `is_public` says that clients without a login may read it."""

    key: str
    value: Any
    description: str | None = None
    is_public: bool = False
    updated_at: datetime | None = None

    def __post_init__(self) -> None:
        """Check what a column would refuse; InvalidInput or BadDocument."""
        checks.identifier(self.key, "key", engine="postgres", most=255)
        checks.json_value(self.value, "value", engine="postgres")
        if self.description is not None:
            checks.text(self.description, "description", engine="postgres")

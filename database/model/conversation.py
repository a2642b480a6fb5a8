"""What was said: conversations, and their messages in order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from database.model import checks

ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation of a user. The times are the server's and None before it is written."""

    user_id: str
    id: UUID = field(default_factory=uuid4)
    session_id: str | None = None
    title: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_active: bool = True
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def __post_init__(self) -> None:
        """Check what a column would refuse; InvalidInput or BadDocument."""
        checks.identifier(self.user_id, "user_id", engine="postgres")
        checks.optional(self.session_id, "session_id", engine="postgres")
        checks.optional(self.title, "title", engine="postgres", most=255)
        checks.document(self.metadata, "metadata", engine="postgres")


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `created_at` is the server's, later than that of every message before it in its conversation."""

    conversation_id: UUID
    role: str
    content: str
    id: UUID = field(default_factory=uuid4)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    token_count: int | None = None
    created_at: datetime | None = None

    def __post_init__(self) -> None:
        """Check what a column would refuse; InvalidInput or BadDocument."""
        checks.one_of(self.role, "role", ROLES, engine="postgres")
        checks.text(self.content, "content", engine="postgres")
        checks.document(self.metadata, "metadata", engine="postgres")
        if (
            self.token_count is not None
            and not 0 <= checks.number(self.token_count, "token_count", engine="postgres") < 2**31
        ):
            checks.refuse("postgres", "check", f"token_count is {self.token_count}", "give 0 to 2147483647")

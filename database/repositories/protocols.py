"""What each repository can do, for one tenant; what stands behind it is a matter of who makes it.

Another tenant's rows are as good as not there: they are not found, not listed, not changed. Keys are unique across tenants, and
one that another tenant has is a Conflict. Pages are asked for with `limit`, 1 to 1000, and `after`, the `next` of the page before.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol
from uuid import UUID

from database.model import (
    AuditRecord,
    Conversation,
    DocumentChunk,
    Extension,
    ExtensionEvent,
    ExtensionMetric,
    ExtensionPermission,
    ExtensionSetting,
    Memory,
    Message,
    Page,
    Profile,
    ProfileChange,
    SystemSetting,
)


class Profiles(Protocol):
    """One JSON object per user, with the history of its fields."""

    async def get(self, user_id: str) -> Profile | None:
        """Return a profile."""

    async def put(self, profile: Profile) -> Profile:
        """Write a profile whole, and each field that differs into its history."""

    async def add_many(self, profiles: Iterable[Profile]) -> int:
        """Add new profiles, all or none, and return how many."""

    async def page(self, *, limit: int = 100, after: str | None = None) -> Page[Profile]:
        """Return profiles in the order of the user's key."""

    async def history(self, user_id: str, *, limit: int = 100, after: str | None = None) -> Page[ProfileChange]:
        """Return what became of a profile, the newest change first."""

    async def delete(self, user_id: str) -> bool:
        """Delete a profile with its history; False if there is none."""


class Conversations(Protocol):
    """Conversations and their messages in order."""

    async def get(self, conversation_id: UUID) -> Conversation | None:
        """Return a conversation."""

    async def put(self, conversation: Conversation) -> Conversation:
        """Write a conversation over the one of its key."""

    async def page(self, user_id: str, *, limit: int = 100, after: str | None = None) -> Page[Conversation]:
        """Return a user's conversations, the one that was spoken in last first."""

    async def delete(self, conversation_id: UUID) -> bool:
        """Delete a conversation with its messages; False if there is none."""

    async def add(self, message: Message) -> Message:
        """Add a message at the end; MissingObject without its conversation."""

    async def messages(self, conversation_id: UUID, *, limit: int = 100, after: str | None = None) -> Page[Message]:
        """Return a conversation's messages in the order in which they were added."""


class MemoryRows(Protocol):
    """Memories as PostgreSQL has them; every write is entered for the engines that follow."""

    async def get(self, vector_id: int) -> Memory | None:
        """Return a memory."""

    async def get_many(self, vector_ids: Sequence[int]) -> dict[int, Memory]:
        """Return those that there are, by key."""

    async def page(
        self, user_id: str, *, session_id: str | None = None, limit: int = 100, after: str | None = None
    ) -> Page[Memory]:
        """Return a user's memories, the newest first: all, or those of a session."""

    async def put(self, memory: Memory) -> int:
        """Write a memory over the one of its key, and return its version, which only grows."""

    async def put_many(self, memories: Sequence[Memory]) -> dict[int, int]:
        """Write memories, and return their versions by key."""

    async def delete(self, vector_id: int) -> int | None:
        """Delete a memory, and return the version of its deletion; None if there is none."""


class Documents(Protocol):
    """Documents in chunks, found by their text."""

    async def put(self, chunks: Sequence[DocumentChunk], *, wait: bool = False) -> None:
        """Write a document whole, over the one of its key; with `wait`, until searches see it."""

    async def get(self, document_id: str, chunk_number: int = 0) -> DocumentChunk | None:
        """Return a chunk, as it was written last."""

    async def page(
        self, *, document_id: str | None = None, limit: int = 100, after: str | None = None
    ) -> Page[DocumentChunk]:
        """Return chunks by document and number: of one document, or of all of the tenant's."""

    async def search(self, text: str, *, user_id: str | None = None, limit: int = 10) -> list[DocumentChunk]:
        """Return the chunks that fit a text best: of a user, or of all."""

    async def delete(self, document_id: str, *, wait: bool = False) -> int:
        """Delete a document, and return how many chunks it had."""


class Extensions(Protocol):
    """Extensions are the stack's, their settings and what users may the tenant's."""

    async def get(self, name: str) -> Extension | None:
        """Return an extension, which is every tenant's."""

    async def put(self, extension: Extension) -> Extension:
        """Register an extension, or bring what is known of it up to date."""

    async def set_status(self, name: str, status: str) -> Extension:
        """Change an extension's status; MissingObject if it is not registered."""

    async def page(self, *, status: str | None = None, limit: int = 100, after: str | None = None) -> Page[Extension]:
        """Return extensions in the order of their names, of one status or of all."""

    async def settings(self, name: str) -> dict[str, ExtensionSetting]:
        """Return the tenant's settings of an extension by key, and the shared ones that it has not changed."""

    async def set(self, name: str, key: str, value: Any) -> None:
        """Write one setting for this tenant alone; MissingObject if the extension is not registered."""

    async def unset(self, name: str, key: str) -> bool:
        """Remove the tenant's own value of a setting; False if it has none."""

    async def permissions(self, name: str, user_id: str) -> dict[str, ExtensionPermission]:
        """Return what a user may and may not, by permission: the user's own, and everybody's where there is none."""

    async def grant(
        self, name: str, user_id: str, permission: str, *, is_granted: bool = True, granted_by: str | None = None
    ) -> ExtensionPermission:
        """Let one user do something, or keep the user from it; MissingObject if the extension is not registered."""

    async def revoke(self, name: str, user_id: str, permission: str) -> bool:
        """Remove what was said of one user, so that everybody's counts; False if there is nothing."""


class ExtensionRecords(Protocol):
    """What extensions have measured, and what happened to them: added and read, never changed."""

    async def measure(self, metric: ExtensionMetric) -> ExtensionMetric:
        """Add a measured value; MissingObject if the extension is not registered."""

    async def metrics(
        self, extension: str, metric: str, *, limit: int = 100, after: str | None = None
    ) -> Page[ExtensionMetric]:
        """Return values of one metric, the newest first."""

    async def add(self, event: ExtensionEvent) -> ExtensionEvent:
        """Add what happened, and return it with its key and time."""

    async def events(self, extension: str, *, limit: int = 100, after: str | None = None) -> Page[ExtensionEvent]:
        """Return what happened to an extension, the newest first, also after it is gone."""


class Configuration(Protocol):
    """Settings of the whole system, no tenant's."""

    async def get(self, key: str) -> SystemSetting | None:
        """Return a setting."""

    async def put(self, setting: SystemSetting) -> SystemSetting:
        """Write a setting over the one of its key."""

    async def page(self, *, public: bool = False, limit: int = 100, after: str | None = None) -> Page[SystemSetting]:
        """Return settings in the order of their keys: all, or those that clients without a login may read."""

    async def delete(self, key: str) -> bool:
        """Delete a setting; False if there is none."""


class Audit(Protocol):
    """Who did what: added and read, never changed."""

    async def add(self, record: AuditRecord) -> AuditRecord:
        """Add a record, and return it with its key and time."""

    async def page(
        self, *, user_id: str | None = None, action: str | None = None, limit: int = 100, after: str | None = None
    ) -> Page[AuditRecord]:
        """Return records, the newest first: all, or those of a user or an action."""

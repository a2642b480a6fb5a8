"""Documents that are searched: text in chunks, as Elasticsearch's index of documents has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from database.model import checks


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class DocumentChunk:
    """One chunk of a document; `document_id` and `chunk_number`, from 0, are its key. Times carry their zone."""

    document_id: str
    chunk_number: int
    content: str
    user_id: str | None = None
    title: str | None = None
    source: str | None = None
    content_type: str | None = None
    language: str | None = None
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime = field(default_factory=_now)

    def __post_init__(self) -> None:
        """Check what the mapping would refuse; InvalidInput, BadDocument or TooLarge."""
        checks.identifier(self.document_id, "document_id", engine="elasticsearch", most=255)
        if not 0 <= checks.number(self.chunk_number, "chunk_number", engine="elasticsearch") < 2**31:
            checks.refuse(
                "elasticsearch", "check", f"chunk_number is {self.chunk_number}", "count from 0 to 2147483647"
            )
        checks.text(self.content, "content", engine="elasticsearch")
        checks.optional(self.user_id, "user_id", engine="elasticsearch")
        checks.optional(self.title, "title", engine="elasticsearch", most=1024)
        checks.optional(self.source, "source", engine="elasticsearch", most=2048)
        checks.optional(self.content_type, "content_type", engine="elasticsearch", most=255)
        checks.optional(self.language, "language", engine="elasticsearch", most=35)
        for tag in self.tags:
            checks.identifier(tag, "tag", engine="elasticsearch", most=255)
        checks.document(self.metadata, "metadata", engine="elasticsearch")
        if self.created_at.tzinfo is None:
            checks.refuse("elasticsearch", "check", "created_at has no time zone", "give a time with its zone, as UTC")

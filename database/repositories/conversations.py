"""Conversations and their messages in PostgreSQL."""

from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from database.model import Conversation, Message, Page, checks
from database.model.page import key_of, page
from database.repositories.mapping import TenantRepository, missing, taken
from database.statements import statement

_COLUMNS = "id, user_id, session_id, title, metadata, is_active, created_at, updated_at"
_GET = statement("SELECT {columns} FROM conversations WHERE id = %(id)s AND tenant_id = %(tenant)s", columns=_COLUMNS)
_PUT = statement(
    """
    INSERT INTO conversations (id, tenant_id, user_id, session_id, title, metadata, is_active, created_at, updated_at)
    VALUES (%(id)s, %(tenant)s, %(user)s, %(session)s, %(title)s, %(metadata)s, %(active)s, statement_timestamp(),
        statement_timestamp())
    ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, session_id = excluded.session_id, title = excluded.title,
        metadata = excluded.metadata, is_active = excluded.is_active,
        updated_at = greatest(conversations.updated_at, clock_timestamp())
    WHERE conversations.tenant_id = excluded.tenant_id
    RETURNING {columns}""",
    columns=_COLUMNS,
)
_PAGE = statement(
    """
    SELECT {columns} FROM conversations WHERE tenant_id = %(tenant)s AND user_id = %(user)s
    AND (%(at)s::timestamptz IS NULL OR (updated_at, id) < (%(at)s, %(id)s::uuid))
    ORDER BY updated_at DESC, id DESC LIMIT %(most)s""",
    columns=_COLUMNS,
)
_DELETE = b"DELETE FROM conversations WHERE id = %(id)s AND tenant_id = %(tenant)s"
# The update locks the conversation, so that one message comes after the other, also within a transaction.
_ADD = b"""
    WITH conversation AS (
        UPDATE conversations SET updated_at = greatest(updated_at + interval '1 microsecond', clock_timestamp())
        WHERE id = %(conversation)s AND tenant_id = %(tenant)s RETURNING id, updated_at
    )
    INSERT INTO messages (id, conversation_id, role, content, metadata, token_count, created_at)
    SELECT %(id)s, id, %(role)s, %(content)s, %(metadata)s, %(tokens)s, updated_at FROM conversation
    ON CONFLICT (id) DO NOTHING
    RETURNING conversation_id, role, content, id, metadata, token_count, created_at"""
_MESSAGES = b"""
    SELECT conversation_id, role, content, messages.id, messages.metadata, token_count, messages.created_at
    FROM messages JOIN conversations ON conversations.id = conversation_id
    WHERE conversation_id = %(conversation)s AND tenant_id = %(tenant)s
    AND (%(at)s::timestamptz IS NULL OR (messages.created_at, messages.id) > (%(at)s, %(id)s::uuid))
    ORDER BY messages.created_at, messages.id LIMIT %(most)s"""


class PostgresConversations(TenantRepository):
    """See `protocols.Conversations`."""

    async def get(self, conversation_id: UUID) -> Conversation | None:
        """Return a conversation."""
        return await self._first(Conversation, _GET, id=conversation_id)

    async def put(self, conversation: Conversation) -> Conversation:
        """Write a conversation over the one of its key; Conflict if another tenant has the key."""
        written = await self._first(
            Conversation,
            _PUT,
            id=conversation.id,
            user=conversation.user_id,
            session=conversation.session_id,
            title=conversation.title,
            metadata=Jsonb(dict(conversation.metadata)),
            active=conversation.is_active,
        )
        if written is None:
            raise taken(f"the conversation {conversation.id}", "put conversation")
        return written

    async def page(self, user_id: str, *, limit: int = 100, after: str | None = None) -> Page[Conversation]:
        """Return a user's conversations, the one that was spoken in last first."""
        user, most = checks.identifier(user_id, "user_id", engine="postgres"), checks.limit(limit, engine="postgres")
        at, key = key_of(after, (datetime, UUID), engine="postgres") or (None, None)
        found = await self._all(Conversation, _PAGE, user=user, at=at, id=key, most=most + 1)
        return page(found, most, lambda one: (one.updated_at, one.id))

    async def delete(self, conversation_id: UUID) -> bool:
        """Delete a conversation with its messages; False if there is none."""
        return bool(await self._changed(_DELETE, id=conversation_id))

    async def add(self, message: Message) -> Message:
        """Add a message at the end; MissingObject without its conversation, Conflict if its key exists."""
        added = await self._first(
            Message,
            _ADD,
            id=message.id,
            conversation=message.conversation_id,
            role=message.role,
            content=message.content,
            metadata=Jsonb(dict(message.metadata)),
            tokens=message.token_count,
        )
        if added is None:
            if await self.get(message.conversation_id) is None:
                raise missing(f"conversation {message.conversation_id}", "add message")
            raise taken(f"the message {message.id}", "add message")
        return added

    async def messages(self, conversation_id: UUID, *, limit: int = 100, after: str | None = None) -> Page[Message]:
        """Return a conversation's messages in the order in which they were added."""
        most = checks.limit(limit, engine="postgres")
        at, key = key_of(after, (datetime, UUID), engine="postgres") or (None, None)
        found = await self._all(Message, _MESSAGES, conversation=conversation_id, at=at, id=key, most=most + 1)
        return page(found, most, lambda one: (one.created_at, one.id))

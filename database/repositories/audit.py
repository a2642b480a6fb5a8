"""The audit log in PostgreSQL: records are added and read, never changed."""

from psycopg.types.json import Jsonb

from database.model import AuditRecord, Page, checks
from database.model.page import key_of, page
from database.repositories.mapping import TenantRepository
from database.statements import statement

_COLUMNS = "action, user_id, resource_type, resource_id, outcome, ip_address, details, id, occurred_at"
_ADD = statement(
    """
    INSERT INTO audit_log (tenant_id, action, user_id, resource_type, resource_id, outcome, ip_address, details)
    VALUES (%(tenant)s, %(action)s, %(user)s, %(type)s, %(resource)s, %(outcome)s, %(address)s, %(details)s)
    RETURNING {columns}""",
    columns=_COLUMNS,
)
_PAGE = statement(
    """
    SELECT {columns} FROM audit_log WHERE tenant_id = %(tenant)s
    AND (%(user)s::text IS NULL OR user_id = %(user)s) AND (%(action)s::text IS NULL OR action = %(action)s)
    AND (%(before)s::bigint IS NULL OR id < %(before)s)
    ORDER BY id DESC LIMIT %(most)s""",
    columns=_COLUMNS,
)


class PostgresAudit(TenantRepository):
    """See `protocols.Audit`."""

    async def add(self, record: AuditRecord) -> AuditRecord:
        """Add a record, and return it with its key and time."""
        (written,) = await self._all(
            AuditRecord,
            _ADD,
            action=record.action,
            user=record.user_id,
            type=record.resource_type,
            resource=record.resource_id,
            outcome=record.outcome,
            address=record.ip_address,
            details=Jsonb(dict(record.details)),
        )
        return written

    async def page(
        self, *, user_id: str | None = None, action: str | None = None, limit: int = 100, after: str | None = None
    ) -> Page[AuditRecord]:
        """Return records, the newest first: all, or those of a user or an action."""
        user = checks.optional(user_id, "user_id", engine="postgres")
        named = checks.optional(action, "action", engine="postgres", most=100)
        most = checks.limit(limit, engine="postgres")
        (before,) = key_of(after, (int,), engine="postgres") or (None,)
        found = await self._all(AuditRecord, _PAGE, user=user, action=named, before=before, most=most + 1)
        return page(found, most, lambda one: (one.id,))

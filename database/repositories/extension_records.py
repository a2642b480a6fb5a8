"""What extensions leave in PostgreSQL: values that they measured, and what happened to them; both are only ever added."""

from psycopg.types.json import Jsonb

from database.model import ExtensionEvent, ExtensionMetric, Page, checks
from database.model.page import key_of, page
from database.repositories.mapping import TenantRepository, missing
from database.statements import statement

_MEASURED = "metric_name AS metric, metric_value AS value, labels, extension_metrics.id, recorded_at"
_MEASURE = statement(
    """
    INSERT INTO extension_metrics (extension_id, tenant_id, metric_name, metric_value, labels)
    SELECT id, %(tenant)s, %(metric)s, %(value)s, %(labels)s FROM extension_registry WHERE name = %(name)s
    RETURNING %(name)s::text AS extension, {columns}""",
    columns=_MEASURED,
)
_METRICS = statement(
    """
    SELECT name AS extension, {columns} FROM extension_metrics JOIN extension_registry ON extension_registry.id = extension_id
    WHERE tenant_id = %(tenant)s AND name = %(name)s AND metric_name = %(metric)s
    AND (%(before)s::bigint IS NULL OR extension_metrics.id < %(before)s)
    ORDER BY extension_metrics.id DESC LIMIT %(most)s""",
    columns=_MEASURED,
)
_HAPPENED = "extension_name AS extension, action, user_id, details, id, occurred_at"
# By name: one that is not registered any more has its records too.
_ADD = statement(
    """
    INSERT INTO extension_audit_log (extension_id, extension_name, tenant_id, user_id, action, details)
    VALUES ((SELECT id FROM extension_registry WHERE name = %(name)s), %(name)s, %(tenant)s, %(user)s, %(action)s, %(details)s)
    RETURNING {columns}""",
    columns=_HAPPENED,
)
_EVENTS = statement(
    """
    SELECT {columns} FROM extension_audit_log WHERE tenant_id = %(tenant)s AND extension_name = %(name)s
    AND (%(before)s::bigint IS NULL OR id < %(before)s)
    ORDER BY id DESC LIMIT %(most)s""",
    columns=_HAPPENED,
)


class PostgresExtensionRecords(TenantRepository):
    """See `protocols.ExtensionRecords`."""

    async def measure(self, metric: ExtensionMetric) -> ExtensionMetric:
        """Add a measured value; MissingObject if the extension is not registered."""
        written = await self._first(
            ExtensionMetric,
            _MEASURE,
            name=metric.extension,
            metric=metric.metric,
            value=float(metric.value),
            labels=Jsonb(dict(metric.labels)),
        )
        if written is None:
            raise missing(f"extension {metric.extension!r}", "measure")
        return written

    async def metrics(
        self, extension: str, metric: str, *, limit: int = 100, after: str | None = None
    ) -> Page[ExtensionMetric]:
        """Return values of one metric, the newest first."""
        given = {"name": _name(extension, "extension"), "metric": _name(metric, "metric")}
        most = checks.limit(limit, engine="postgres")
        (before,) = key_of(after, (int,), engine="postgres") or (None,)
        found = await self._all(ExtensionMetric, _METRICS, **given, before=before, most=most + 1)
        return page(found, most, lambda one: (one.id,))

    async def add(self, event: ExtensionEvent) -> ExtensionEvent:
        """Add what happened, and return it with its key and time."""
        (written,) = await self._all(
            ExtensionEvent,
            _ADD,
            name=event.extension,
            user=event.user_id,
            action=event.action,
            details=Jsonb(dict(event.details)),
        )
        return written

    async def events(self, extension: str, *, limit: int = 100, after: str | None = None) -> Page[ExtensionEvent]:
        """Return what happened to an extension, the newest first, also after it is gone."""
        name, most = _name(extension, "extension"), checks.limit(limit, engine="postgres")
        (before,) = key_of(after, (int,), engine="postgres") or (None,)
        found = await self._all(ExtensionEvent, _EVENTS, name=name, before=before, most=most + 1)
        return page(found, most, lambda one: (one.id,))


def _name(value: object, field: str) -> str:
    return checks.identifier(value, field, engine="postgres", most=100)

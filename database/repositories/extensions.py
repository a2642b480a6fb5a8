"""The extension registry in PostgreSQL: extensions are the stack's, their settings and what users may the tenant's."""

from typing import Any

from psycopg.types.json import Jsonb

from database.model import Extension, ExtensionPermission, ExtensionSetting, Page, checks
from database.model.extension import EVERYBODY, STATUSES
from database.model.page import key_of, page
from database.repositories.mapping import TenantRepository, missing, taken
from database.statements import statement

_COLUMNS = "name, version, description, author, manifest, status, id, installed_at, updated_at"
_GET = statement("SELECT {columns} FROM extension_registry WHERE name = %(name)s", columns=_COLUMNS)
_PUT = statement(
    """
    INSERT INTO extension_registry (name, version, description, author, manifest, status)
    VALUES (%(name)s, %(version)s, %(description)s, %(author)s, %(manifest)s, %(status)s)
    ON CONFLICT (name) DO UPDATE SET version = excluded.version, description = excluded.description,
        author = excluded.author, manifest = excluded.manifest, status = excluded.status, updated_at = now()
    RETURNING {columns}""",
    columns=_COLUMNS,
)
_STATUS = statement(
    """
    UPDATE extension_registry SET status = %(status)s, updated_at = now() WHERE name = %(name)s RETURNING {columns}""",
    columns=_COLUMNS,
)
_PAGE = statement(
    """
    SELECT {columns} FROM extension_registry WHERE name > %(after)s
    AND (%(status)s::text IS NULL OR status = %(status)s) ORDER BY name LIMIT %(most)s""",
    columns=_COLUMNS,
)
_SETTINGS = b"""
    SELECT DISTINCT ON (config_key) name AS extension, config_key AS key, config_value AS value,
        tenant_id = '*' AS is_shared, extension_config.updated_at
    FROM extension_config JOIN extension_registry ON id = extension_id
    WHERE name = %(name)s AND tenant_id IN (%(tenant)s, '*')
    ORDER BY config_key, tenant_id = '*'"""
_SET = b"""
    INSERT INTO extension_config (extension_id, tenant_id, config_key, config_value)
    SELECT id, %(tenant)s, %(key)s, %(value)s FROM extension_registry WHERE name = %(name)s
    ON CONFLICT (extension_id, tenant_id, config_key)
    DO UPDATE SET config_value = excluded.config_value, updated_at = now()"""
_UNSET = b"""
    DELETE FROM extension_config USING extension_registry
    WHERE id = extension_id AND name = %(name)s AND tenant_id = %(tenant)s AND config_key = %(key)s"""

_GRANTED = "is_granted, granted_by, granted_at"
_PERMISSIONS = statement(
    """
    SELECT DISTINCT ON (permission) name AS extension, user_id, permission, {granted}
    FROM extension_permissions JOIN extension_registry ON id = extension_id
    WHERE name = %(name)s AND (user_id = '*' OR (user_id = %(user)s AND tenant_id = %(tenant)s))
    ORDER BY permission, user_id = '*'""",
    granted=_GRANTED,
)
_GRANT = statement(
    """
    INSERT INTO extension_permissions AS held (extension_id, tenant_id, user_id, permission, is_granted, granted_by)
    SELECT id, %(tenant)s, %(user)s, %(permission)s, %(is_granted)s, %(by)s FROM extension_registry WHERE name = %(name)s
    ON CONFLICT (extension_id, user_id, permission) DO UPDATE SET is_granted = excluded.is_granted,
        granted_by = excluded.granted_by, granted_at = now()
    WHERE held.tenant_id = excluded.tenant_id
    RETURNING %(name)s::text AS extension, user_id, permission, {granted}""",
    granted=_GRANTED,
)
_REVOKE = b"""
    DELETE FROM extension_permissions USING extension_registry
    WHERE id = extension_id AND name = %(name)s AND tenant_id = %(tenant)s AND user_id = %(user)s
    AND permission = %(permission)s"""


class PostgresExtensions(TenantRepository):
    """See `protocols.Extensions`."""

    async def get(self, name: str) -> Extension | None:
        """Return an extension, which is every tenant's."""
        return await self._first(Extension, _GET, name=_name(name))

    async def put(self, extension: Extension) -> Extension:
        """Register an extension, or bring what is known of it up to date."""
        (written,) = await self._all(
            Extension,
            _PUT,
            name=extension.name,
            version=extension.version,
            description=extension.description,
            author=extension.author,
            manifest=Jsonb(dict(extension.manifest)),
            status=extension.status,
        )
        return written

    async def set_status(self, name: str, status: str) -> Extension:
        """Change an extension's status; MissingObject if it is not registered."""
        checks.one_of(status, "status", STATUSES, engine="postgres")
        if (written := await self._first(Extension, _STATUS, name=_name(name), status=status)) is None:
            raise missing(f"extension {name!r}", "set status")
        return written

    async def page(self, *, status: str | None = None, limit: int = 100, after: str | None = None) -> Page[Extension]:
        """Return extensions in the order of their names, of one status or of all."""
        if status is not None:
            checks.one_of(status, "status", STATUSES, engine="postgres")
        most = checks.limit(limit, engine="postgres")
        (name,) = key_of(after, (str,), engine="postgres") or ("",)
        found = await self._all(Extension, _PAGE, after=name, status=status, most=most + 1)
        return page(found, most, lambda one: (one.name,))

    async def settings(self, name: str) -> dict[str, ExtensionSetting]:
        """Return the tenant's settings of an extension by key, and the shared ones that it has not changed."""
        return {one.key: one for one in await self._all(ExtensionSetting, _SETTINGS, name=_name(name))}

    async def set(self, name: str, key: str, value: Any) -> None:
        """Write one setting for this tenant alone; MissingObject if the extension is not registered."""
        checks.json_value(value, "value", engine="postgres")
        if not await self._changed(_SET, name=_name(name), key=_key(key), value=Jsonb(value)):
            raise missing(f"extension {name!r}", "set")

    async def unset(self, name: str, key: str) -> bool:
        """Remove the tenant's own value of a setting; False if it has none."""
        return bool(await self._changed(_UNSET, name=_name(name), key=_key(key)))

    async def permissions(self, name: str, user_id: str) -> dict[str, ExtensionPermission]:
        """Return what a user may and may not, by permission: the user's own, and everybody's where there is none."""
        found = await self._all(ExtensionPermission, _PERMISSIONS, name=_name(name), user=_user(user_id))
        return {one.permission: one for one in found}

    async def grant(
        self, name: str, user_id: str, permission: str, *, is_granted: bool = True, granted_by: str | None = None
    ) -> ExtensionPermission:
        """Let one user do something, or keep the user from it; MissingObject if the extension is not registered."""
        written = await self._first(
            ExtensionPermission,
            _GRANT,
            name=_name(name),
            user=_user(user_id),
            permission=_permission(permission),
            is_granted=bool(is_granted),
            by=checks.optional(granted_by, "granted_by", engine="postgres"),
        )
        if written is None:
            if await self.get(name) is None:
                raise missing(f"extension {name!r}", "grant")
            raise taken(f"the permission of the user {user_id!r}", "grant")
        return written

    async def revoke(self, name: str, user_id: str, permission: str) -> bool:
        """Remove what was said of one user, so that everybody's counts; False if there is nothing."""
        given = {"name": _name(name), "user": _user(user_id), "permission": _permission(permission)}
        return bool(await self._changed(_REVOKE, **given))


def _name(name: object) -> str:
    return checks.identifier(name, "name", engine="postgres", most=100)


def _key(key: object) -> str:
    return checks.identifier(key, "key", engine="postgres", most=255)


def _permission(permission: object) -> str:
    return checks.identifier(permission, "permission", engine="postgres", most=100)


def _user(user_id: object) -> str:
    user = checks.identifier(user_id, "user_id", engine="postgres")
    if user == EVERYBODY:
        checks.refuse("postgres", "check", "user_id is '*', which stands for everybody", "name one user")
    return user

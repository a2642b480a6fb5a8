"""Settings of the whole system in PostgreSQL: they are no tenant's."""

from psycopg.types.json import Jsonb

from database.model import Page, SystemSetting, checks
from database.model.page import key_of, page
from database.repositories.mapping import Connection, rows
from database.statements import statement

_COLUMNS = "config_key AS key, config_value AS value, description, is_public, updated_at"
_GET = statement("SELECT {columns} FROM system_config WHERE config_key = %(key)s", columns=_COLUMNS)
_PUT = statement(
    """
    INSERT INTO system_config (config_key, config_value, description, is_public)
    VALUES (%(key)s, %(value)s, %(description)s, %(public)s)
    ON CONFLICT (config_key) DO UPDATE SET config_value = excluded.config_value, description = excluded.description,
        is_public = excluded.is_public, updated_at = now()
    RETURNING {columns}""",
    columns=_COLUMNS,
)
_PAGE = statement(
    """
    SELECT {columns} FROM system_config WHERE config_key > %(after)s AND (is_public OR NOT %(public)s)
    ORDER BY config_key LIMIT %(most)s""",
    columns=_COLUMNS,
)
_DELETE = b"DELETE FROM system_config WHERE config_key = %(key)s"


class PostgresConfiguration:
    """See `protocols.Configuration`."""

    def __init__(self, connection: Connection) -> None:
        """Work in the transaction of the connection's owner."""
        self._connection = connection

    async def get(self, key: str) -> SystemSetting | None:
        """Return a setting."""
        found = await rows(self._connection, SystemSetting, _GET, key=_key(key))
        return found[0] if found else None

    async def put(self, setting: SystemSetting) -> SystemSetting:
        """Write a setting over the one of its key."""
        (written,) = await rows(
            self._connection,
            SystemSetting,
            _PUT,
            key=setting.key,
            value=Jsonb(setting.value),
            description=setting.description,
            public=setting.is_public,
        )
        return written

    async def page(self, *, public: bool = False, limit: int = 100, after: str | None = None) -> Page[SystemSetting]:
        """Return settings in the order of their keys: all, or those that clients without a login may read."""
        most = checks.limit(limit, engine="postgres")
        (key,) = key_of(after, (str,), engine="postgres") or ("",)
        found = await rows(self._connection, SystemSetting, _PAGE, after=key, public=public, most=most + 1)
        return page(found, most, lambda one: (one.key,))

    async def delete(self, key: str) -> bool:
        """Delete a setting; False if there is none."""
        return bool((await self._connection.execute(_DELETE, {"key": _key(key)})).rowcount)


def _key(key: object) -> str:
    return checks.identifier(key, "key", engine="postgres", most=255)

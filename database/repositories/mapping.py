"""From rows to frozen dataclasses, and what every repository of a tenant needs."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from psycopg import AsyncConnection, Cursor
from psycopg.rows import RowMaker
from psycopg.types.json import Jsonb

from database.errors import Conflict, MissingObject
from database.model import checks

Item = TypeVar("Item")
Connection = AsyncConnection[Any]
# What a table says of rows that are everybody's: no tenant may be called so.
SHARED = "*"


class TenantRepository:
    """Statements of one tenant over a connection whose transaction belongs to the caller."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        """Check the tenant's name; InvalidInput."""
        self._connection = connection
        self._tenant = tenant_name(tenant)

    async def _all(self, kind: type[Item], statement: bytes, **values: Any) -> list[Item]:
        """Return what a statement finds, as that kind; the tenant is among its values."""
        return await rows(self._connection, kind, statement, tenant=self._tenant, **values)

    async def _first(self, kind: type[Item], statement: bytes, **values: Any) -> Item | None:
        found = await self._all(kind, statement, **values)
        return found[0] if found else None

    async def _changed(self, statement: bytes, **values: Any) -> int:
        """Return how many rows a statement has changed."""
        cursor = await self._connection.execute(statement, {"tenant": self._tenant, **values})
        return cursor.rowcount


def tenant_name(tenant: object) -> str:
    """Return a tenant's name, 1 to 64 bytes; InvalidInput."""
    name = checks.identifier(tenant, "tenant", engine="postgres")
    if name == SHARED:
        checks.refuse("postgres", "check", "tenant is '*', which stands for all of them", "name one tenant")
    return name


async def rows(connection: Connection, kind: type[Item], statement: bytes, **values: Any) -> list[Item]:
    """Return what a statement finds; its columns are named as the fields."""
    async with connection.cursor(row_factory=row_of(kind)) as cursor:
        await cursor.execute(statement, values)
        return await cursor.fetchall()


def row_of(kind: type[Item]) -> Callable[[Any], RowMaker[Item]]:
    """Return a row factory: what the server holds is given as it is, whoever wrote it, and not checked again."""

    def factory(cursor: Cursor[Any]) -> RowMaker[Item]:
        names = [column.name for column in cursor.description or ()]

        def make(values: Sequence[Any]) -> Item:
            made = object.__new__(kind)
            for name, value in zip(names, values, strict=True):
                object.__setattr__(made, name, value)
            return made

        return make

    return factory


def json_or_none(value: Any) -> Jsonb | None:
    """Return JSON for a column that may be NULL."""
    return None if value is None else Jsonb(value)


def taken(what: str, operation: str) -> Conflict:
    """Return the error for a key that belongs to somebody else; it does not say to whom."""
    return Conflict(f"{what} is taken", "postgres", operation, "use another key: keys are unique across tenants")


def missing(what: str, operation: str) -> MissingObject:
    """Return the error for something that the tenant does not have."""
    return MissingObject(f"there is no {what}", "postgres", operation, "create it first, or look at its key and tenant")

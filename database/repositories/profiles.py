"""Profiles and their history in PostgreSQL."""

from collections.abc import Iterable
from typing import Any

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from database.model import Page, Profile, ProfileChange, checks
from database.model.page import key_of, page
from database.repositories.mapping import TenantRepository, taken
from database.statements import statement

_COLUMNS = "user_id, profile_json AS profile, created_at, last_update"
_MINE = "FROM profiles WHERE user_id = %(user)s AND tenant_id = %(tenant)s"
_GET = statement("SELECT {columns} {mine}", columns=_COLUMNS, mine=_MINE)
_LOCK = statement("SELECT {columns} {mine} FOR UPDATE", columns=_COLUMNS, mine=_MINE)
_ADD = statement(
    """
    INSERT INTO profiles (user_id, tenant_id, profile_json) VALUES (%(user)s, %(tenant)s, %(profile)s)
    ON CONFLICT (user_id) DO NOTHING RETURNING {columns}""",
    columns=_COLUMNS,
)
# The row is locked, so `before` is what it holds.
_REPLACE = statement(
    """
    WITH changes AS (
        INSERT INTO profile_history (user_id, timestamp, field, old, new)
        SELECT %(user)s, extract(epoch FROM clock_timestamp()), key, before.value, after.value
        FROM jsonb_each(%(before)s) AS before FULL JOIN jsonb_each(%(profile)s) AS after USING (key)
        WHERE before.value IS DISTINCT FROM after.value
    )
    UPDATE profiles SET profile_json = %(profile)s, last_update = now()
    WHERE user_id = %(user)s AND tenant_id = %(tenant)s RETURNING {columns}""",
    columns=_COLUMNS,
)
_PAGE = statement(
    """
    SELECT {columns} FROM profiles WHERE tenant_id = %(tenant)s AND user_id > %(after)s ORDER BY user_id LIMIT %(most)s""",
    columns=_COLUMNS,
)
_HISTORY = b"""
    SELECT id, profile_history.user_id, timestamp, field, old, new FROM profile_history JOIN profiles USING (user_id)
    WHERE user_id = %(user)s AND tenant_id = %(tenant)s AND (%(before)s::bigint IS NULL OR id < %(before)s)
    ORDER BY id DESC LIMIT %(most)s"""
_DELETE = b"DELETE FROM profiles WHERE user_id = %(user)s AND tenant_id = %(tenant)s"


class PostgresProfiles(TenantRepository):
    """See `protocols.Profiles`."""

    async def get(self, user_id: str) -> Profile | None:
        """Return a profile."""
        return await self._first(Profile, _GET, user=checks.identifier(user_id, "user_id", engine="postgres"))

    async def put(self, profile: Profile) -> Profile:
        """Write a profile whole, and each field that differs into its history; Conflict if another tenant has the key."""
        values: dict[str, Any] = {"user": profile.user_id, "profile": Jsonb(dict(profile.profile))}
        held = await self._first(Profile, _LOCK, **values)
        if held is None:
            if (added := await self._first(Profile, _ADD, **values)) is not None:
                return added
            # Somebody else has just added it; that transaction has ended, so it is seen now if it is the tenant's.
            held = await self._first(Profile, _LOCK, **values)
        if held is None:
            raise taken(f"the user {profile.user_id!r}", "put profile")
        (written,) = await self._all(Profile, _REPLACE, before=Jsonb(held.profile), **values)
        return written

    async def add_many(self, profiles: Iterable[Profile]) -> int:
        """Add new profiles by COPY, and return how many; Conflict if one of them exists, and then the transaction is lost."""
        count = 0
        statement = b"COPY profiles (user_id, tenant_id, profile_json) FROM STDIN"
        try:
            async with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
                for one in profiles:
                    await copy.write_row((one.user_id, self._tenant, checks.json_text(one.profile)))
                    count += 1
        except UniqueViolation:
            raise taken("the user of one of the profiles", "add profiles") from None
        return count

    async def page(self, *, limit: int = 100, after: str | None = None) -> Page[Profile]:
        """Return profiles in the order of the user's key."""
        most = checks.limit(limit, engine="postgres")
        (user,) = key_of(after, (str,), engine="postgres") or ("",)
        return page(await self._all(Profile, _PAGE, after=user, most=most + 1), most, lambda one: (one.user_id,))

    async def history(self, user_id: str, *, limit: int = 100, after: str | None = None) -> Page[ProfileChange]:
        """Return what became of a profile, the newest change first."""
        user, most = checks.identifier(user_id, "user_id", engine="postgres"), checks.limit(limit, engine="postgres")
        (before,) = key_of(after, (int,), engine="postgres") or (None,)
        found = await self._all(ProfileChange, _HISTORY, user=user, before=before, most=most + 1)
        return page(found, most, lambda one: (one.id,))

    async def delete(self, user_id: str) -> bool:
        """Delete a profile with its history; False if there is none."""
        return bool(await self._changed(_DELETE, user=checks.identifier(user_id, "user_id", engine="postgres")))

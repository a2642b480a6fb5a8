"""Memories in PostgreSQL: what is written or deleted here is, in the same statement, entered for the engines that follow."""

from collections.abc import Sequence

from database.model import Memory, Page, checks
from database.model.page import key_of, page
from database.repositories.mapping import Connection, TenantRepository, taken
from database.statements import statement

DESTINATIONS = ("elasticsearch", "milvus")
_COLUMNS = "user_id, query, result, embedding, session_id, timestamp, vector_id"
_MINE = "FROM memory WHERE tenant_id = %(tenant)s"
_GET = statement("SELECT {columns} {mine} AND vector_id = ANY(%(keys)s::bigint[])", columns=_COLUMNS, mine=_MINE)
# By tenant and user there is an index in the order of time, in which rows without one, of other applications, are the first.
_PAGE = statement(
    """
    SELECT {columns} {mine} AND user_id = %(user)s
    AND (%(session)s::text IS NULL OR session_id = %(session)s)
    AND (%(key)s::bigint IS NULL OR (timestamp, vector_id) < (%(at)s::bigint, %(key)s)
        OR %(at)s::bigint IS NULL AND (timestamp IS NOT NULL OR vector_id < %(key)s))
    ORDER BY timestamp DESC, vector_id DESC LIMIT %(most)s""",
    columns=_COLUMNS,
    mine=_MINE,
)
# Writers of a key take turns until they commit, so its versions and its entries come in the order of the commits, also where
# a deletion lies between. The clock carries versions over a deletion, and over a restore to an earlier moment.
_TURN = "turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended('memory', %(key)s)))"
_CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_ENTER = """
    entries AS (
        INSERT INTO memory_outbox (destination, vector_id, version)
        SELECT destination, vector_id, version FROM done, unnest(%(destinations)s::text[]) AS destination
    )
    SELECT version FROM done"""
_PUT = statement(
    """
    WITH {turn}, done AS (
        INSERT INTO memory ({columns}, tenant_id, version)
        SELECT %(user)s::text, %(query)s::text, %(result)s::text, %(embedding)s::real[], %(session)s::text,
            %(timestamp)s::bigint, %(key)s::bigint, %(tenant)s::text, {clock} FROM turn
        ON CONFLICT (vector_id) DO UPDATE SET user_id = excluded.user_id, query = excluded.query,
            result = excluded.result, embedding = coalesce(excluded.embedding, memory.embedding),
            session_id = excluded.session_id, timestamp = excluded.timestamp,
            version = greatest(memory.version + 1, excluded.version)
        WHERE memory.tenant_id = excluded.tenant_id
        RETURNING vector_id, version
    ), {enter}""",
    columns=_COLUMNS,
    turn=_TURN,
    clock=_CLOCK,
    enter=_ENTER,
)
_DELETE = statement(
    """
    WITH {turn}, done AS (
        DELETE FROM memory USING turn WHERE vector_id = %(key)s AND tenant_id = %(tenant)s
        RETURNING vector_id, greatest(version + 1, {clock}) AS version
    ), {enter}""",
    turn=_TURN,
    clock=_CLOCK,
    enter=_ENTER,
)


class PostgresMemories(TenantRepository):
    """See `protocols.MemoryRows`. `destinations` are the engines that follow: those that the stack has."""

    def __init__(self, connection: Connection, tenant: str, *, destinations: Sequence[str] = DESTINATIONS) -> None:
        """Check tenant and destinations; InvalidInput."""
        super().__init__(connection, tenant)
        self._destinations = [
            checks.one_of(one, "destination", DESTINATIONS, engine="postgres") for one in destinations
        ]

    async def get(self, vector_id: int) -> Memory | None:
        """Return a memory."""
        return next(iter((await self.get_many([vector_id])).values()), None)

    async def get_many(self, vector_ids: Sequence[int]) -> dict[int, Memory]:
        """Return those that there are, by key."""
        keys = [checks.number(one, "vector_id", engine="postgres") for one in vector_ids]
        return {one.vector_id: one for one in await self._all(Memory, _GET, keys=keys)}

    async def page(
        self, user_id: str, *, session_id: str | None = None, limit: int = 100, after: str | None = None
    ) -> Page[Memory]:
        """Return a user's memories, the newest first: all, or those of a session."""
        user, most = checks.identifier(user_id, "user_id", engine="postgres"), checks.limit(limit, engine="postgres")
        session = checks.optional(session_id, "session_id", engine="postgres")
        at, key = key_of(after, (int | None, int), engine="postgres") or (None, None)
        found = await self._all(Memory, _PAGE, user=user, session=session, at=at, key=key, most=most + 1)
        return page(found, most, lambda one: (one.timestamp, one.vector_id))

    async def put(self, memory: Memory) -> int:
        """Write a memory over the one of its key, and return its version; Conflict if another tenant has the key."""
        return (await self.put_many([memory]))[memory.vector_id]

    async def put_many(self, memories: Sequence[Memory]) -> dict[int, int]:
        """Write memories in one round trip, the last one of a key, and return their versions by key; as `put`."""
        ordered = sorted({one.vector_id: one for one in memories}.values(), key=lambda one: one.vector_id)
        versions: dict[int, int] = {}
        async with self._connection.cursor() as cursor:
            # In the order of the keys, so that two writers never wait for each other.
            await cursor.executemany(_PUT, [self._given(one) for one in ordered], returning=True)
            for memory in ordered:
                if (row := await cursor.fetchone()) is None:
                    raise taken(f"the vector_id {memory.vector_id}", "put memory")
                versions[memory.vector_id] = row[0]
                cursor.nextset()
        return versions

    async def delete(self, vector_id: int) -> int | None:
        """Delete a memory, and return the version of its deletion; None if there is none."""
        key = checks.number(vector_id, "vector_id", engine="postgres")
        given = {"tenant": self._tenant, "key": key, "destinations": self._destinations}
        row = await (await self._connection.execute(_DELETE, given)).fetchone()
        return None if row is None else int(row[0])

    def _given(self, memory: Memory) -> dict[str, object]:
        return {
            "tenant": self._tenant,
            "destinations": self._destinations,
            "key": memory.vector_id,
            "user": memory.user_id,
            "query": memory.query,
            "result": memory.result,
            "embedding": None if memory.embedding is None else list(memory.embedding),
            "session": memory.session_id,
            "timestamp": memory.timestamp,
        }

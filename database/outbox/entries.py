"""The outbox in PostgreSQL: claimed, settled, counted; each function works in the transaction of its caller."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

from database.model import checks
from database.outbox.model import Change, DeadLetter, Entry, Lag, Row
from database.statements import statement

_Connection = AsyncConnection[Any]
# The oldest entry of a key alone may be claimed: while one relay has it, and until it has committed, no other gets a later one.
# Entries are read in their order and no further than needed, whatever the statistics say, which a queue outruns: hence a scalar,
# which is never joined, and no sort.
_IN_ORDER = b"SET LOCAL enable_sort = off"
_CLAIM = """
    SELECT sequence, vector_id, version, attempts FROM memory_outbox AS entry
    WHERE destination = %(destination)s AND available_at <= clock_timestamp() {of_keys}
    AND (
        SELECT NOT EXISTS (
            SELECT FROM memory_outbox AS earlier WHERE earlier.destination = entry.destination
            AND earlier.vector_id = entry.vector_id AND earlier.sequence < entry.sequence
        )
    )
    ORDER BY sequence LIMIT %(most)s FOR UPDATE OF entry SKIP LOCKED"""
_CLAIM_ANY = statement(_CLAIM, of_keys="")
_CLAIM_KEYS = statement(_CLAIM, of_keys="AND vector_id = ANY(%(keys)s::bigint[])")
# In one snapshot: the deletion of a row that is gone is among its entries, and so is that version.
_STATES = b"""
    SELECT wanted.key, entries.version AS newest, memory.vector_id, tenant_id, user_id, session_id, query, result, timestamp,
        embedding, memory.version
    FROM unnest(%(keys)s::bigint[]) AS wanted (key)
    CROSS JOIN LATERAL (
        SELECT max(version) AS version FROM memory_outbox
        WHERE destination = %(destination)s AND vector_id = wanted.key
    ) AS entries
    LEFT JOIN memory ON memory.vector_id = wanted.key"""
_DONE = "unnest(%(keys)s::bigint[], %(versions)s::bigint[]) AS done (vector_id, version)"
# What was delivered is the newest state, so every entry up to it is done, and what was refused before is settled.
_SETTLE = statement(
    """
    WITH settled AS (
        DELETE FROM memory_dead_letters AS letter USING {done} WHERE letter.destination = %(destination)s
        AND letter.vector_id = done.vector_id AND letter.version <= done.version
    )
    DELETE FROM memory_outbox AS entry USING {done} WHERE entry.destination = %(destination)s
    AND entry.vector_id = done.vector_id AND entry.version <= done.version""",
    done=_DONE,
)
_BURY = b"""
    WITH gone AS (
        DELETE FROM memory_outbox WHERE destination = %(destination)s AND sequence = %(sequence)s
        RETURNING destination, vector_id, attempts, created_at
    )
    INSERT INTO memory_dead_letters (destination, vector_id, version, attempts, reason, created_at)
    SELECT destination, vector_id, %(version)s, attempts + 1, %(reason)s, created_at FROM gone
    ON CONFLICT (destination, vector_id) DO UPDATE SET version = excluded.version, attempts = excluded.attempts,
        reason = excluded.reason, created_at = excluded.created_at, died_at = excluded.died_at"""
_POSTPONE = b"""
    UPDATE memory_outbox SET attempts = attempts + 1, last_error = %(reason)s,
        available_at = clock_timestamp() + make_interval(secs => %(seconds)s)
    WHERE destination = %(destination)s AND sequence = %(sequence)s"""
_REVIVE = b"""
    WITH letter AS (
        DELETE FROM memory_dead_letters WHERE destination = %s AND vector_id = ANY(%s)
        RETURNING destination, vector_id, version
    )
    INSERT INTO memory_outbox (destination, vector_id, version) SELECT destination, vector_id, version FROM letter"""
_LETTERS = b"""
    SELECT destination, vector_id, version, attempts, reason, created_at, died_at FROM memory_dead_letters
    WHERE destination = %(destination)s AND vector_id > %(after)s ORDER BY vector_id LIMIT %(most)s"""
_PROGRESS = b"""
    WITH wanted AS (SELECT * FROM unnest(%(keys)s::bigint[], %(versions)s::bigint[]) AS wanted (vector_id, version))
    SELECT vector_id, NULL AS reason FROM memory_outbox AS entry JOIN wanted USING (vector_id)
    WHERE destination = %(destination)s AND entry.version <= wanted.version
    UNION ALL
    SELECT vector_id, reason FROM memory_dead_letters AS letter JOIN wanted USING (vector_id)
    WHERE destination = %(destination)s AND letter.version >= wanted.version"""
_LAG = b"""
    SELECT destination,
        (SELECT count(*) FROM memory_outbox AS entry WHERE entry.destination = engine.destination) AS pending,
        coalesce((SELECT extract(epoch FROM clock_timestamp() - min(created_at)) FROM memory_outbox AS entry
            WHERE entry.destination = engine.destination), 0)::float AS seconds,
        (SELECT count(*) FROM memory_dead_letters AS letter WHERE letter.destination = engine.destination) AS dead_letters
    FROM unnest(%s::text[]) AS engine (destination)"""
_REASON_CHARACTERS = 500


async def claim(connection: _Connection, destination: str, most: int, keys: Sequence[int] | None = None) -> list[Entry]:
    """Lock up to `most` entries, one per key, until the transaction ends; `keys` limits them to these."""
    given = {"destination": destination, "most": most, "keys": list(keys or ())}
    async with connection.pipeline(), connection.cursor(row_factory=class_row(Entry)) as cursor:
        if keys is None:
            await connection.execute(_IN_ORDER)
        await cursor.execute(_CLAIM_ANY if keys is None else _CLAIM_KEYS, given)
        return await cursor.fetchall()


async def changes(connection: _Connection, destination: str, claimed: Sequence[Entry]) -> list[Change]:
    """Return the state of each claimed key as it is now, with its version: it is never one that another state had."""
    given = {"destination": destination, "keys": [one.vector_id for one in claimed]}
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_STATES, given)
        found = {change.vector_id: change for change in map(_change, await cursor.fetchall())}
    return [found[one.vector_id] for one in claimed]


async def settle(connection: _Connection, destination: str, delivered: Sequence[Change]) -> None:
    """Remove every entry that these changes have made good."""
    if delivered:
        keys, versions = [one.vector_id for one in delivered], [one.version for one in delivered]
        given = {"destination": destination, "keys": keys, "versions": versions}
        await connection.execute(_SETTLE, given)


async def bury(connection: _Connection, destination: str, entry: Entry, version: int, reason: str) -> None:
    """Make an entry a dead letter: later ones of its key go on."""
    given = _named(destination, entry, reason) | {"version": version}
    await connection.execute(_BURY, given)


async def postpone(connection: _Connection, destination: str, entry: Entry, seconds: float, reason: str) -> None:
    """Count a failed attempt, and let an entry, and with it its key, wait."""
    given = _named(destination, entry, reason) | {"seconds": seconds}
    await connection.execute(_POSTPONE, given)


async def revive(connection: _Connection, destination: str, keys: Sequence[int]) -> int:
    """Enter dead letters anew, with their rows as they are now; return how many."""
    return (await connection.execute(_REVIVE, [destination, list(keys)])).rowcount


async def letters(
    connection: _Connection, destination: str, *, after: int = -(2**63), limit: int = 100
) -> list[DeadLetter]:
    """Return dead letters in the order of their keys."""
    given = {"destination": destination, "after": after, "most": checks.limit(limit, engine="postgres")}
    async with connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        await cursor.execute(_LETTERS, given)
        return await cursor.fetchall()


async def progress(
    connection: _Connection, destination: str, wanted: Mapping[int, int]
) -> tuple[set[int], dict[int, str]]:
    """Return those of the keys that an engine does not have in the given version yet, and why it refuses others, by key."""
    given = {"destination": destination, "keys": list(wanted), "versions": list(wanted.values())}
    found = await (await connection.execute(_PROGRESS, given)).fetchall()
    return {key for key, reason in found if reason is None}, {
        key: reason for key, reason in found if reason is not None
    }


async def lag(connection: _Connection, destinations: Sequence[str]) -> list[Lag]:
    """Return how far each engine is behind."""
    async with connection.cursor(row_factory=class_row(Lag)) as cursor:
        await cursor.execute(_LAG, [list(destinations)])
        return await cursor.fetchall()


def _named(destination: str, entry: Entry, reason: str) -> dict[str, Any]:
    return {"destination": destination, "sequence": entry.sequence, "reason": reason[:_REASON_CHARACTERS]}


def _change(state: Sequence[Any]) -> Change:
    key, newest, *columns = state
    row = None if columns[0] is None else Row(*columns)
    return Change(key, max(newest, row.version if row else newest), row)

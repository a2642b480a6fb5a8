"""Counting and summing what is in PostgreSQL: per table, and in any order, so that two servers can be compared."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from psycopg import errors, sql

from backup.engines.base import digest
from backup.engines.postgres_session import databases, session
from init.engines.postgres_connection import Connection

LARGE_OBJECTS = "large objects"
_WORKERS = 2
_SAY_SECONDS = 2.0
_HALF = 1 << 64
# What a server keeps of rows: leaves of partitioned tables stand for these. Temporary ones are nobody else's, unlogged ones are
# empty after a recovery, foreign ones are elsewhere.
_RELATIONS = """
    SELECT ns.nspname, class.relname, class.relkind::text, coalesce(root_ns.nspname, ns.nspname), coalesce(root.relname, class.relname)
    FROM pg_class AS class JOIN pg_namespace AS ns ON ns.oid = class.relnamespace
    LEFT JOIN pg_class AS root ON root.oid = pg_partition_root(class.oid)
    LEFT JOIN pg_namespace AS root_ns ON root_ns.oid = root.relnamespace
    WHERE class.relkind IN ('r', 'm') AND class.relpersistence = 'p' AND (class.relkind = 'r' OR class.relispopulated)
      AND ns.nspname <> 'information_schema' AND ns.nspname !~ '^pg_'
    ORDER BY 1, 2"""
# Of what is read by the page: bytes with what is stored apart, and pages.
_SIZES = """
    SELECT ns.nspname, class.relname, pg_table_size(class.oid), pg_relation_size(class.oid) / current_setting('block_size')::bigint
    FROM pg_class AS class JOIN pg_namespace AS ns ON ns.oid = class.relnamespace JOIN pg_am AS am ON am.oid = class.relam
    WHERE class.relkind IN ('r', 'm') AND am.amname = 'heap'"""
_PIECE_BYTES = 8 << 20
# Two sums of 64 bits take less time than one hash of 128.
_SUM = sql.SQL("""
    SELECT count(*), coalesce(sum(hash_array_extended(content, 0)), 0), coalesce(sum(hash_array_extended(content, 1)), 0)
    FROM (SELECT ARRAY[{}] FROM {} OFFSET 0) AS rows (content)""")
_COUNT = sql.SQL("SELECT count(*), NULL, NULL FROM {}")
# An alias that no column has: a column of this name would be taken instead of the row.
_ROW = sql.SQL('"ai karen row"')
# As it is sent to clients, which takes half the time of a text.
_BINARY, _TEXT = sql.SQL("record_send({})").format(_ROW), sql.SQL('{}::text COLLATE "C"').format(_ROW)
# A few types are never sent so; and what is sent is text of the client's encoding, which not every text is.
_NOT_BINARY = (
    *(errors.UndefinedFunction, errors.FeatureNotSupported),
    *(errors.CharacterNotInRepertoire, errors.UntranslatableCharacter),
)
_TOO_LARGE = (errors.ProgramLimitExceeded, errors.OutOfMemory)
# Owners and privileges name roles, which a restore may rename.
_OBJECTS = sql.SQL("""
    (SELECT oid, NULL::int, NULL::bytea FROM pg_largeobject_metadata UNION ALL SELECT loid, pageno, data FROM pg_largeobject) AS {}""")
_IMPORT = """
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {};
    SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0"""

Summary = tuple[dict[str, int], dict[str, str]]
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A table without partitions, a leaf of one with them, or a materialized view; `name` is that of the whole."""

    schema: str
    table: str
    name: str
    view: bool = False

    @property
    def identifier(self) -> sql.Identifier:
        """Return it as a statement names it."""
        return sql.Identifier(self.schema, self.table)


@dataclass(frozen=True)
class _Piece:
    """What one statement sums: all rows of a relation, or those on some of its pages; `bytes` is about how much that is."""

    relation: Relation
    rows: sql.Composable
    bytes: int


def relations(opened: Connection) -> list[Relation]:
    """Return what holds rows in a database, sorted; names are `table`, or `schema.table` outside `public`."""
    return [
        Relation(
            schema=schema,
            table=table,
            view=kind == "m",
            name=root if root_schema == "public" else f"{root_schema}.{root}",
        )
        for schema, table, kind, root_schema, root in opened.execute(_RELATIONS.encode()).fetchall()
    ]


def summarize(
    connection: Mapping[str, Any],
    snapshots: Mapping[str, str] | None = None,
    say: Say = lambda _: None,
    *,
    portable: bool = False,
) -> Summary:
    """Count and sum every database's tables, materialized views and large objects.

    `snapshots` are exported ones by database; without them, each database is looked at as it is now. Names outside the
    connection's database have `database/` in front. A table with a row too large for a value has a count and no checksum.
    Sums of rows as they are sent name types by their number; `portable` ones are the same wherever the rows are loaded.
    """
    with ExitStack() as kept:
        if snapshots is None:
            with session(connection) as opened:
                snapshots = {name: _export(kept.enter_context(session(connection, name))) for name in databases(opened)}
        totals = _Totals()
        for database, snapshot in snapshots.items():
            prefix = "" if database == connection["database"] else f"{database}/"
            for name, found in _database(
                {**connection, "database": database}, snapshot, say, _TEXT if portable else _BINARY
            ):
                totals.add(f"{prefix}{name}", found)
        return totals.summary()


class _Totals:
    """Sums by name; a leaf adds to the whole."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._sums: dict[str, tuple[int, int] | None] = {}

    def add(self, name: str, found: tuple[int, int | None, int | None]) -> None:
        """Add the count and both sums of a relation; None for one that could not be summed."""
        count, first, second = found
        self._counts[name] = self._counts.get(name, 0) + count
        sums = self._sums.get(name, (0, 0))
        if sums is None or first is None or second is None:
            self._sums[name] = None
        else:
            # They are decimals, whose remainders are not exact.
            self._sums[name] = sums[0] + int(first), sums[1] + int(second)

    def summary(self) -> Summary:
        """Return counts and checksums."""
        joined = {name: digest(_join(*sums)) for name, sums in self._sums.items() if sums is not None}
        return dict(sorted(self._counts.items())), dict(sorted(joined.items()))


def _join(first: int, second: int) -> int:
    return (first % _HALF) << 64 | second % _HALF


def _export(opened: Connection) -> str:
    opened.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    row = opened.execute("SELECT pg_export_snapshot()").fetchone()
    assert row is not None
    return str(row[0])


def _database(
    connection: Mapping[str, Any], snapshot: str, say: Say, form: sql.Composable
) -> Iterator[tuple[str, Any]]:
    with ExitStack() as kept:
        workers = [_importing(kept.enter_context(session(connection)), snapshot) for _ in range(_WORKERS)]
        yield from _objects(workers[0])
        todo = relations(workers[0])
        pieces = sorted(_pieces(workers[0], todo), key=lambda piece: -piece.bytes)
        pool = kept.enter_context(
            _Pool(workers, lambda: say(f"summing {len(todo)} tables of {connection['database']}"))
        )
        found = pool.sums(pieces, form)
        # All pieces of a relation have one form: what is on a page may be on another after a restore.
        others = {piece.relation for piece, sums in found if sums is None}
        found = [one for one in found if one[0].relation not in others]
        found += pool.sums([piece for piece in pieces if piece.relation in others], _TEXT)
        for piece, sums in found:
            yield piece.relation.name, sums


def _importing(opened: Connection, snapshot: str) -> Connection:
    opened.execute(sql.SQL(_IMPORT).format(sql.Literal(snapshot)))
    return opened


def _objects(opened: Connection) -> Iterator[tuple[str, Any]]:
    count = opened.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchone()
    if count and count[0]:
        row = opened.execute(_SUM.format(_BINARY, _OBJECTS.format(_ROW))).fetchone()
        assert row is not None
        yield LARGE_OBJECTS, (count[0], *row[1:])


def _pieces(opened: Connection, todo: Sequence[Relation]) -> Iterator[_Piece]:
    """Return ranges of pages that together are each relation, the last without an end: it may have grown."""
    sizes = {(schema, table): both for schema, table, *both in opened.execute(_SIZES.encode()).fetchall()}
    for one in todo:
        whole = sql.SQL("{} {} AS {}").format(sql.SQL("" if one.view else "ONLY"), one.identifier, _ROW)
        size, pages = (number or 0 for number in sizes.get((one.schema, one.table), (0, 0)))
        count = max(1, min(pages, -(-size // _PIECE_BYTES)))
        starts = [pages * number // count for number in range(count)]
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            rows = whole
            if start:
                rows += sql.SQL(" WHERE {}.ctid >= {}").format(_ROW, sql.Literal(f"({start},0)"))
            if end is not None:
                word = sql.SQL("AND" if start else "WHERE")
                rows += sql.SQL(" {} {}.ctid < {}").format(word, _ROW, sql.Literal(f"({end},0)"))
            yield _Piece(one, rows, size // count)


class _Pool(AbstractContextManager["_Pool"]):
    """Sums pieces on some sessions, each of which does one at a time."""

    def __init__(self, workers: Sequence[Connection], say: Callable[[], None]) -> None:
        self._say = say
        self._free: SimpleQueue[Connection] = SimpleQueue()
        for worker in workers:
            self._free.put(worker)
        self._pool = ThreadPoolExecutor(max_workers=len(workers))

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def sums(self, pieces: Sequence[_Piece], form: sql.Composable) -> list[tuple[_Piece, Any]]:
        """Return each piece with its count and both sums, or with None where its rows have no such form."""
        running = [self._pool.submit(self._sum, piece, form) for piece in pieces]
        while wait(running, timeout=_SAY_SECONDS).not_done:
            self._say()
        return [(piece, one.result()) for piece, one in zip(pieces, running, strict=True)]

    def _sum(self, piece: _Piece, form: sql.Composable) -> Any:
        opened = self._free.get()
        try:
            with opened.transaction():
                return opened.execute(_SUM.format(form, piece.rows)).fetchone()
        except _TOO_LARGE:
            return opened.execute(_COUNT.format(piece.rows)).fetchone()
        except _NOT_BINARY:
            if form is _TEXT:
                raise
            return None
        finally:
            self._free.put(opened)

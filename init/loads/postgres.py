"""CSV into a PostgreSQL table: one COPY, so that every row is there afterwards, or none is.

The server parses the file: an empty field is NULL, an empty quoted one is an empty text.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg import sql

from init.engines.base import first_line
from init.engines.postgres_connection import HISTORY, SCHEMA, Connection, connect
from init.loads import header
from init.protocol import Failure

_SERVICE = "postgres"
_TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> ALL (%s)"""
_COLUMNS = """
    SELECT attname, attnotnull AND NOT atthasdef AND attidentity = ''
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND relname = %s AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    ORDER BY attnum"""
_PLACE = re.compile(r"COPY .*?, line (?P<line>\d+)(?:, column (?P<column>[^:\n]+))?")
# Of these the message quotes the value, and nothing else; of the two exceptions a name.
_DATA_EXCEPTION, _WITHOUT_VALUE = "22", ("22P04", "22021")
_QUOTED = re.compile(r'"(?P<value>.*)"', re.DOTALL)


def load(connection: Mapping[str, Any], target: str, pieces: Iterable[bytes]) -> dict[str, int]:
    """Add the rows to a table of the schema `public`, all or none; return how many there were."""
    with connect(connection, application="ai-karen load") as opened:
        columns, data = header.split(pieces)
        _check(opened, target, columns)
        statement = sql.SQL("COPY public.{} ({}) FROM STDIN WITH (FORMAT csv, HEADER true)").format(
            sql.Identifier(target), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        try:
            with opened.cursor() as cursor:
                with cursor.copy(statement) as copy:
                    for piece in data:
                        copy.write(piece)
                return {"added": cursor.rowcount}
        except psycopg.Error as error:
            if opened.broken:
                raise Failure(
                    "ConnectionFailed",
                    f"postgres: the connection was lost: {first_line(error)}",
                    "count the table's rows: either all were added, or none; then load it again if none was",
                ) from None
            raise Failure("LoadFailed", f"postgres: {_describe(error)}; no row was added", "correct the file") from None


def _check(connection: Connection, table: str, columns: list[str]) -> None:
    tables = [name for (name,) in connection.execute(_TABLES.encode(), [[HISTORY, SCHEMA]])]
    if table not in tables:
        raise header.unknown_target(_SERVICE, "table", table, tables)
    header.check(_SERVICE, table, columns, dict(connection.execute(_COLUMNS.encode(), [table]).fetchall()))


def _describe(error: psycopg.Error) -> str:
    """Return where the error is and what the server says, without a value of the row."""
    reason, state = error.diag.message_primary or first_line(error), error.sqlstate or ""
    if state.startswith(_DATA_EXCEPTION) and state not in _WITHOUT_VALUE:
        reason = _QUOTED.sub("…", reason).removesuffix(": …")
    place = _PLACE.search(error.diag.context or "")
    if place is None:
        return reason
    column = f", column {place['column']}" if place["column"] else ""
    return f"line {place['line']}{column}: {reason}"

"""CSV into a PostgreSQL table: one COPY, so that every row is there afterwards, or none is.

The server parses the file: an empty field is NULL, an empty quoted one is an empty text.
"""

import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg import sql

from init.engines.base import first_line
from init.engines.postgres_connection import OURS, Connection, connect
from init.loads import header
from init.protocol import Failure

_SERVICE = "postgres"
_LOOK_SECONDS = 2.0
_ENDED = """
    SELECT current_setting('track_activities')::boolean
        AND NOT EXISTS (SELECT FROM pg_stat_progress_copy WHERE pid = %s)"""
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
        watch = _Watch(connection, opened.info.backend_pid)
        try:
            return {"added": _copy(opened, statement, data, watch)}
        except psycopg.Error as error:
            if opened.broken:
                raise Failure(
                    "ConnectionFailed",
                    f"postgres: the connection was lost: {first_line(error)}",
                    "count the table's rows: either all were added, or none; then load it again if none was",
                ) from None
            raise Failure("LoadFailed", f"postgres: {_describe(error)}; no row was added", "correct the file") from None
        finally:
            watch.close()


def _check(connection: Connection, table: str, columns: list[str]) -> None:
    tables = [name for (name,) in connection.execute(_TABLES.encode(), [list(OURS)])]
    if table not in tables:
        raise header.unknown_target(_SERVICE, "table", table, tables)
    header.check(_SERVICE, table, columns, dict(connection.execute(_COLUMNS.encode(), [table]).fetchall()))


class _Watch:
    """Looks from a second connection whether the server still copies: that of the copy tells of an error at the end only.

    A server that has refused a row takes all the rest, and throws it away.
    """

    def __init__(self, connection: Mapping[str, Any], process: int) -> None:
        self._details = connection
        self._process = process
        self._looked = time.monotonic()
        self._connection: Connection | None = None

    def has_ended(self) -> bool:
        """Whether the server has given the copy up; asked once in a while only."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return False
        self._connection = self._connection or connect(self._details, application="ai-karen load watch")
        row = self._connection.execute(_ENDED.encode(), [self._process]).fetchone()
        self._looked = time.monotonic()
        return row == (True,)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()


def _copy(connection: Connection, statement: sql.Composed, data: Iterable[bytes], watch: _Watch) -> int:
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            ended = False
            for piece in data:
                copy.write(piece)
                if ended := watch.has_ended():
                    break
        if ended:
            raise Failure("LoadFailed", "postgres: the server ended the load; no row was added", "load the file again")
        return cursor.rowcount


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

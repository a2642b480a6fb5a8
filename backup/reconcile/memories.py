"""PostgreSQL's table `memory`: read whole in one snapshot, or by key as it is now."""

import json
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from backup.reconcile.model import REPEATED, Memory
from init.engines.postgres_connection import connect
from init.protocol import Failure

_TABLE = sql.SQL("public.memory")
_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, ("vector_id", *REPEATED)))
_KNOWN = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = to_regclass('public.memory') AND attnum > 0 AND NOT attisdropped"""
# The client library fills it, and then a lost vector can be written again; a schema before 004 has none.
_EMBEDDING = "embedding"
_BRACKETS = str.maketrans("{}", "[]")


class Memories:
    """The rows, over one connection: while they are streamed, nothing else can be asked."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        """Connect; Failure `NotInitialized` when the table is not as migrations make it."""
        self._connection = connect(connection, application="ai-karen reconcile")
        self._connection.execute("SET statement_timeout = 0")
        known = {name for (name,) in self._connection.execute(_KNOWN).fetchall()}
        if lacking := [name for name in ("vector_id", *REPEATED) if name not in known]:
            self.close()
            message = f"postgres: the table memory has no {', '.join(lacking)}"
            raise Failure("NotInitialized", message, "./karen migrate up postgres")
        self._embedded = _EMBEDDING in known

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Have everything that is read meanwhile be of one moment."""
        self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        try:
            yield
        finally:
            if not self._connection.closed:
                self._connection.execute("ROLLBACK")

    def count(self) -> int:
        """Return how many there are."""
        [[count]] = self._connection.execute(sql.SQL("SELECT count(*) FROM {}").format(_TABLE)).fetchall()
        return int(count)

    def stream(self) -> Generator[Memory]:
        """Yield every row in the order of the key, as it comes from the server."""
        statement = sql.SQL("SELECT {} FROM {} ORDER BY vector_id").format(_COLUMNS, _TABLE)
        with self._connection.cursor() as cursor:
            for row in cursor.stream(statement):
                yield Memory(*row)

    def of(self, keys: Sequence[int]) -> dict[int, Memory]:
        """Return the rows of these keys, by key."""
        statement = sql.SQL("SELECT {} FROM {} WHERE vector_id = ANY(%s)").format(_COLUMNS, _TABLE)
        return {row[0]: Memory(*row) for row in self._connection.execute(statement, [list(keys)]).fetchall()}

    def embeddings(self, keys: Sequence[int]) -> dict[int, list[float]]:
        """Return the embeddings that the rows of these keys hold: an array, JSON, or pgvector's text."""
        if not self._embedded:
            return {}
        column = sql.Identifier(_EMBEDDING)
        statement = sql.SQL("SELECT vector_id, {}::text FROM {} WHERE vector_id = ANY(%s) AND {} IS NOT NULL").format(
            column, _TABLE, column
        )
        found = self._connection.execute(statement, [list(keys)]).fetchall()
        return {key: numbers for key, text in found if (numbers := vector_of(text))}

    def explain(self, error: Exception) -> str | None:
        """Return an error of PostgreSQL in one line, None for any other."""
        return str(error).partition("\n")[0] if isinstance(error, psycopg.Error) else None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def vector_of(text: str) -> list[float]:
    """Return the finite numbers that an array, a JSON list or pgvector's text holds; [] if it is anything else."""
    try:
        found = json.loads(text.translate(_BRACKETS))
        numbers = [float(one) for one in found]
    except (ValueError, TypeError):
        return []
    return numbers if all(map(math.isfinite, numbers)) else []

"""PostgreSQL: every value of every table is read, every B-tree index is compared with its table."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from backup.probes import Tell, failed
from backup.probes.pacing import Paced
from init.engines.base import first_line
from init.engines.postgres_connection import Connection, connect

_ENGINE = "postgres"
_OURS = "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relpersistence <> 't'"
_TABLES = f"""
    SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND {_OURS} ORDER BY 1, 2"""  # noqa: S608 - our own constant
_INDEXES = f"""
    SELECT c.oid, c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_index AS i ON i.indexrelid = c.oid JOIN pg_am AS a ON a.oid = c.relam
    WHERE a.amname = 'btree' AND c.relkind = 'i' AND i.indisvalid AND i.indisready AND {_OURS} ORDER BY 2"""  # noqa: S608
_AVAILABLE = "SELECT FROM pg_available_extensions WHERE name = 'amcheck'"
_INSTALLED = "SELECT FROM pg_extension WHERE extname = 'amcheck'"


def probe(connection: Mapping[str, Any], progress: Tell) -> str:
    """Read everything in one transaction that is rolled back, so that an extension that is needed does not stay."""
    tell = Paced(progress, _ENGINE)
    with connect(connection, application="ai-karen probe") as opened:
        opened.execute("SET statement_timeout = 0")
        opened.execute("BEGIN")
        try:
            tables, rows = _read(opened, tell)
            indexes = _checked(opened, tell)
        except psycopg.Error as error:
            raise failed(_ENGINE, first_line(error)) from None
        finally:
            if not opened.closed:
                opened.execute("ROLLBACK")
    told = "indexes are not checked: there is no amcheck" if indexes is None else f"{indexes} indexes checked"
    return f"{rows} rows in {tables} tables read, {told}" if tables else "no tables"


def _read(opened: Connection, tell: Paced) -> tuple[int, int]:
    tables, rows = opened.execute(_TABLES.encode()).fetchall(), 0
    for number, (schema, name) in enumerate(tables, start=1):
        # A hash of the whole row: what is stored beside the table is read as well.
        statement = sql.SQL("SELECT count(*), bit_xor(hashtextextended(t::text, 0)) FROM ONLY {} AS t")
        found = opened.execute(statement.format(sql.Identifier(schema, name))).fetchone()
        rows += found[0] if found else 0
        tell(f"{number} of {len(tables)} tables read")
    return len(tables), rows


def _checked(opened: Connection, tell: Paced) -> int | None:
    """Return how many indexes agree with their tables; None where the server cannot tell."""
    if opened.execute(_INSTALLED).fetchone() is None:
        if opened.execute(_AVAILABLE).fetchone() is None:
            return None
        opened.execute("SAVEPOINT extension")
        try:
            opened.execute("CREATE EXTENSION amcheck")
        except psycopg.errors.InsufficientPrivilege:
            opened.execute("ROLLBACK TO extension")
            return None
    indexes = opened.execute(_INDEXES.encode()).fetchall()
    for number, (oid, name) in enumerate(indexes, start=1):
        try:
            opened.execute("SELECT bt_index_check(%s::oid::regclass, true)", [oid])
        except psycopg.Error as error:
            raise failed(_ENGINE, f"the index {name}: {first_line(error)}") from None
        tell(f"{number} of {len(indexes)} indexes checked")
    return len(indexes)

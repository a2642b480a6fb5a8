"""Emptying PostgreSQL: a new database takes the application's place in one transaction, so that there always is one.

What users have made beside it goes as well: every other database but templates and `postgres`, which any cluster has.
Roles and tablespaces stay.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import errors, sql

from init.engines.base import Count, first_line, not_wiped, required, retry
from init.engines.postgres_connection import OURS, Connection, connect

_SERVICE = "postgres"
_APPLICATION = "ai-karen wipe"
_MAINTENANCE = "postgres"
# A name for what is to take the application's place, and one for what it takes the place of.
_NEW, _OLD = "ai_karen_wipe_new", "ai_karen_wipe_old"
_COUNT_TIMEOUT = "10s"
_OTHERS = """
    SELECT datname, datallowconn FROM pg_database
    WHERE NOT datistemplate AND datname <> ALL (%s) ORDER BY datname"""
# A partition's rows are its table's.
_TABLES = """
    SELECT nspname, relname, nullif(reltuples, -1)::bigint FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname <> 'information_schema' AND nspname !~ '^pg_'
      AND NOT (nspname = 'public' AND relname = ANY (%s))
    ORDER BY 1, 2"""
_TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


def contents(facts: Mapping[str, Any], connection: Connection) -> dict[str, Count]:
    """Count the rows of every table: `table`, `schema.table`, and with `database/` in front what is in other databases.

    One that lets nobody in has `database/*`, of which nobody knows how many.
    """
    counts = _rows(connection, without=OURS)
    for name, connectable in _others(connection, required(facts, "database", str)):
        if connectable:
            with connect({**facts, "database": name}, application=_APPLICATION) as other:
                counts |= {f"{name}/{table}": count for table, count in _rows(other, without=()).items()}
        else:
            counts[f"{name}/*"] = None
    return counts


def wipe(facts: Mapping[str, Any]) -> None:
    """Put an empty database in the application's place, and drop all others; whoever is connected is thrown out.

    The name is never without a database that can be connected to: both change their names in one transaction. WipeFailed
    names the database that cannot be dropped.
    """
    database = required(facts, "database", str)
    elsewhere = _MAINTENANCE if database != _MAINTENANCE else "template1"
    with connect({**facts, "database": elsewhere}, application=_APPLICATION) as connection:
        try:
            for name, _ in _others(connection, database):
                _drop(connection, name)
            owner = connection.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [database])
            create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0")
            connection.execute(create.format(sql.Identifier(_NEW), sql.Identifier(*owner.fetchone() or ())))
            retry(
                lambda: _exchange(connection, database),
                engine=_SERVICE,
                transient=lambda error: isinstance(error, errors.ObjectInUse),
                fix="stop the applications that connect again and again, and reset again",
                trouble="still connected to",
            )
            _drop(connection, _OLD)
        except psycopg.Error as error:
            raise not_wiped(_SERVICE, first_line(error)) from None


def _exchange(connection: Connection, database: str) -> None:
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    with connection.transaction():
        connection.execute(_TERMINATE, [database])
        # The server keeps new connections waiting from here on, and gives the others five seconds to end.
        connection.execute(rename.format(sql.Identifier(database), sql.Identifier(_OLD)))
        connection.execute(rename.format(sql.Identifier(_NEW), sql.Identifier(database)))


def _drop(connection: Connection, name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _others(connection: Connection, database: str) -> list[tuple[Any, ...]]:
    """Return the databases that somebody has made beside the application's, and whether they let anybody in."""
    return connection.execute(_OTHERS, [[database, _MAINTENANCE]]).fetchall()


def _rows(connection: Connection, without: tuple[str, ...]) -> dict[str, Count]:
    """Count every table's rows; where that takes long, or a table is locked, as the last ANALYZE has them, if there was one."""
    tables = connection.execute(_TABLES.encode(), [list(without)]).fetchall()
    if not tables:
        return {}
    shown = [table if schema == "public" else f"{schema}.{table}" for schema, table, _ in tables]
    parts = [
        sql.SQL("SELECT {}, count(*) FROM {}").format(sql.Literal(name), sql.Identifier(schema, table))
        for name, (schema, table, _) in zip(shown, tables, strict=True)
    ]
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL statement_timeout = '{_COUNT_TIMEOUT}'".encode())
            return dict(connection.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall())
    except (errors.QueryCanceled, errors.LockNotAvailable):
        return {name: estimate for name, (*_, estimate) in zip(shown, tables, strict=True)}

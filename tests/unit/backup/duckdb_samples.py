"""A DuckDB file with every kind of value and object, and a process that keeps one to itself."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb

OBJECTS = """
    CREATE TYPE mood AS ENUM ('sad', 'ok', '😀');
    CREATE TYPE pair AS STRUCT(a mood, b VARCHAR);
    CREATE SCHEMA other;
    CREATE SEQUENCE numbers START 5 INCREMENT 3;
    CREATE SEQUENCE cycled MINVALUE 1 MAXVALUE 3 CYCLE;
    SELECT nextval('cycled'), nextval('cycled');
    CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR UNIQUE);
    CREATE TABLE children (id INTEGER DEFAULT nextval('numbers'), parent INTEGER REFERENCES parents (id), CHECK (id > 0));
    CREATE TABLE generated (a INTEGER, b INTEGER GENERATED ALWAYS AS (a * 2) VIRTUAL);
    CREATE TABLE pairs (value pair);
    CREATE TABLE empty (a INTEGER);
    CREATE TABLE other."we""ird 😀" ("sel ect" INTEGER NOT NULL);
    CREATE INDEX by_parent ON children (parent);
    CREATE UNIQUE INDEX by_both ON parents (name, id);
    CREATE VIEW zz AS SELECT * FROM parents;
    CREATE VIEW aa AS SELECT * FROM zz;
    CREATE VIEW other.all_names AS SELECT name FROM main.aa;
    CREATE MACRO doubled(a) AS a * 2;
    CREATE MACRO quadrupled(a) AS doubled(doubled(a));
    COMMENT ON TABLE parents IS 'a comment';
    COMMENT ON COLUMN parents.name IS 'another';
    COMMENT ON VIEW zz IS 'of a view';
    INSERT INTO parents VALUES (1, 'Ünïcode 😀'), (2, NULL);
    INSERT INTO children (parent) VALUES (1), (2);
    INSERT INTO generated VALUES (1), (NULL);
    INSERT INTO pairs VALUES ({'a': '😀', 'b': NULL});
    INSERT INTO other."we""ird 😀" VALUES (3);"""
VALUES = """
    CREATE TABLE valued AS SELECT * FROM (VALUES
        ('-170141183460469231731687303715884105728'::HUGEINT, '340282366920938463463374607431768211455'::UHUGEINT,
         1234567890123456789012345678.0123456789::DECIMAL(38, 10), 'ok'::mood, union_value(number := 1)::UNION(number INTEGER, word VARCHAR),
         MAP {'a': 1, 'b': NULL}, {'a': 1, 'b': 'x, y', 'c': [NULL, 'NULL']}, [1, NULL], [1, 2, 3]::FLOAT[3], '0101'::BIT,
         INTERVAL '1 month -2 days 3 us', '12:00:00.000001+05:30'::TIMETZ, '2262-04-11 23:47:16.854775806'::TIMESTAMP_NS,
         '\\x00\\xFF'::BLOB, 'nan'::DOUBLE, '😀 \t\n'::VARCHAR, 'infinity'::TIMESTAMPTZ, '00000000-0000-0000-0000-000000000001'::UUID,
         '290309-12-22 (BC)'::DATE, 12345678901234567890123::BIGNUM),
        (0, 0, 0, 'sad', union_value(word := '1'), MAP {}, {'a': NULL, 'b': '', 'c': []}, [], [0, 0, 0]::FLOAT[3], '1',
         INTERVAL 0 days, '00:00:00-15:59:59', '1970-01-01', '', 'inf', '', '-infinity', NULL, 'infinity', -1),
        (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '-0.0', NULL, NULL, NULL, NULL, NULL),
        (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '-inf', NULL, NULL, NULL, NULL, NULL)
    ) AS found (h, uh, d, e, u, m, s, l, a, bt, i, tz, tn, b, f, v, ts, id, da, n)"""
CATALOG = """
    SELECT 'sequence ' || sequence_name || increment_by || cycle FROM duckdb_sequences()
    UNION ALL SELECT 'table ' || sql || coalesce(comment, '') FROM duckdb_tables()
    UNION ALL SELECT 'column ' || column_name || data_type || coalesce(comment, '') FROM duckdb_columns() WHERE NOT internal
    UNION ALL SELECT 'view ' || sql || coalesce(comment, '') FROM duckdb_views() WHERE NOT internal
    UNION ALL SELECT 'index ' || sql FROM duckdb_indexes()
    UNION ALL SELECT 'constraint ' || table_name || constraint_text FROM duckdb_constraints()
    UNION ALL SELECT 'macro ' || function_name || macro_definition FROM duckdb_functions() WHERE NOT internal
    ORDER BY 1"""
COUNTS = {
    "children": 2,
    "empty": 0,
    "generated": 2,
    "pairs": 1,
    "parents": 2,
    "valued": 4,
    'other.we"ird 😀': 1,
}
# A process that has the file, and says so; it ends without writing its log into the file.
HOLDER = """
import os, sys, duckdb
connection = duckdb.connect(sys.argv[1], config={"storage_compatibility_version": "v1.0.0"})
connection.execute("SET checkpoint_threshold = '1TB'")
connection.execute("CREATE OR REPLACE TABLE logged AS SELECT 42 AS answer")
print(flush=True)
sys.stdin.read()
os._exit(0)
"""


def place(path: Path) -> dict[str, Any]:
    """A directory for a file that is not there yet."""
    path.mkdir()
    return {"path": str(path / "kari.db"), "lock_seconds": 0.5}


def run(connection: dict[str, Any], *statements: str) -> list[list[Any]]:
    """Return what each statement answers; rows as text, as what is no number is not equal to itself."""
    with duckdb.connect(connection["path"], config={"storage_compatibility_version": "v1.0.0"}) as database:
        return [[str(row) for row in database.execute(one).fetchall()] for one in statements]


def holding(connection: dict[str, Any]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, connection["path"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "\n"
    return process


def names(connection: dict[str, Any]) -> list[str]:
    return sorted(path.name for path in Path(connection["path"]).parent.iterdir())

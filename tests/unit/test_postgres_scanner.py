"""Where statements end, by PostgreSQL's rules."""

import pytest

from init.engines.postgres_scanner import statements
from init.engines.postgres_statements import refused


@pytest.mark.parametrize(
    ("body", "bare"),
    [
        ("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        (";; -- nothing\n/* here; */ ;", []),
        ("-- a; b\nSELECT 1 /* c; /* d; */ e; */ + 1;", ["SELECT 1   + 1"]),
        ("SELECT ';', 'it''s;', \"a;b\"; SELECT 2;", ["SELECT ';', 'it''s;', \"a;b\"", "SELECT 2"]),
        (r"SELECT '\'; SELECT 2;", [r"SELECT '\'", "SELECT 2"]),
        (r"SELECT E'\';', e'a\\'; SELECT 2;", [r"SELECT E'\';', e'a\\'", "SELECT 2"]),
        ("DO $$ BEGIN; $a$ ; END $$; SELECT $a$;$$;$a$;", ["DO $$ BEGIN; $a$ ; END $$", "SELECT $a$;$$;$a$"]),
        ("SELECT a$b$ FROM c; SELECT $1;", ["SELECT a$b$ FROM c", "SELECT $1"]),
        ("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3;",
         ["CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "SELECT 3"]),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3;",
         ["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END", "SELECT 3"]),
        ("CREATE TABLE t (begin timestamptz, atomic int); COMMIT;",
         ["CREATE TABLE t (begin timestamptz, atomic int)", "COMMIT"]),
        ("SELECT 'not closed; SELECT 2;", ["SELECT 'not closed; SELECT 2;"]),
        ("SELECT 1 /* not closed; SELECT 2;", ["SELECT 1"]),
    ],
)  # fmt: skip
def test_a_file_is_its_statements(body: str, bare: list[str]) -> None:
    found = list(statements(body))
    assert [one.bare for one in found] == bare
    assert all(one.text in body for one in found)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (r"UPDATE t SET p = replace(p, '/', '\'); COMMIT; UPDATE t SET q = 'x';", "COMMIT in a migration"),
        ("CREATE TABLE t (begin timestamptz);\n/* so */ COMMIT;", "COMMIT in a migration"),
        ("SELECT 1; rollback;", "rollback in a migration"),
        ("SELECT 1; ROLLBACK TO a; SAVEPOINT begin;", None),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;", None),
        ("COPY t (a) FROM STDIN WITH (FORMAT csv);", "./karen load postgres"),
        ("COPY t TO STDOUT;", "./karen load postgres"),
        ("copy (select 1) to stdout with (format csv);", "./karen load postgres"),
        ("COPY t FROM '/tmp/stdin';", None),
        ("CREATE INDEX CONCURRENTLY ON t (a);", "name the index"),
    ],
)
def test_what_cannot_be_run_is_refused(body: str, reason: str | None) -> None:
    told = refused(body, transactional=False)
    assert told is None if reason is None else told is not None and reason in told


def test_a_large_file_is_read_in_no_time() -> None:
    rows = ",\n".join(f"({number}, 'row; {number}')" for number in range(20_000))
    body = f"DO $$ BEGIN END $$;\nINSERT INTO t VALUES {rows};\nSELECT 1;"
    assert len(list(statements(body))) == 3

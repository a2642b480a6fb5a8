"""PostgreSQL files statement by statement: for what cannot run in a transaction, such as CREATE INDEX CONCURRENTLY.

Each statement that can, is one transaction with the record of its step, so that it is done exactly once. One that
cannot is repeated by a run that goes on, unless it is an index that is built or dropped already; one that was left
half-built is built anew.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors

from init.engines.base import Work, first_line
from init.engines.postgres_connection import LOCK_TIMEOUT
from init.engines.postgres_scanner import Statement, statements
from init.migrations import Script

if TYPE_CHECKING:
    from init.engines.postgres import Driver

_CONTROL = re.compile(r"\b(BEGIN|START|COMMIT|END|ROLLBACK|ABORT|PREPARE|STDIN|STDOUT)\b", re.IGNORECASE)
_ENDS = re.compile(
    r"(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK(?!\s+TO)|ABORT|PREPARE\s+TRANSACTION)\b", re.IGNORECASE
)
_NAME = r"(?:\"[^\"]+\"|[^\W\d][\w$]*)"
_QUALIFIED = rf"(?:{_NAME}\s*\.\s*)?{_NAME}"
_CONCURRENTLY = r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+"
_INDEX = re.compile(
    rf"{_CONCURRENTLY}(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>{_NAME})\s+ON\s+(?:ONLY\s+)?(?P<table>{_QUALIFIED})",
    re.IGNORECASE,
)
_DROPPED = re.compile(rf"DROP\s+INDEX\s+CONCURRENTLY\s+(?:IF\s+EXISTS\s+)?(?P<name>{_QUALIFIED})", re.IGNORECASE)
_UNNAMED = re.compile(rf"{_CONCURRENTLY}ON\b", re.IGNORECASE)
_FROM_CLIENT = re.compile(r"COPY\b.*\b(FROM\s+STDIN|TO\s+STDOUT)\b", re.IGNORECASE | re.DOTALL)
_CONCURRENT = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)
_EXISTS = "SELECT to_regclass(%s) IS NOT NULL"
_BUILT = """
    SELECT indisvalid, indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relname = %s AND indrelid = to_regclass(%s)"""


def refused(body: str, *, transactional: bool) -> str | None:
    """Return why a file cannot be run, if so: each statement is alone, or all of them are one transaction."""
    # Most files have none of the words; reading them takes longer than running them.
    if _CONTROL.search(body) is None and _CONCURRENT.search(body) is None:
        return None
    for statement in statements(body):
        if _ENDS.match(statement.bare):
            return f"{statement.bare} in a migration: it runs in a transaction of its own"
        if _FROM_CLIENT.match(statement.bare):
            return "COPY from or to the client, who has no data: load a file with ./karen load postgres"
        if not transactional and _UNNAMED.match(statement.bare):
            return f"{statement.bare}: name the index, so that a run that goes on finds it"
    return None


def run(driver: "Driver", script: Script, work: Work) -> None:
    """Run the statements after those that an earlier run finished, and record each."""
    everything = list(statements(script.body))
    # Of all that is left, an earlier run can have begun only this one.
    first = work.entry.step + 1
    for number, statement in enumerate(everything[first - 1 :], start=first):
        work.begin(f"statement {number} of {len(everything)}")
        _step(driver, statement, work, number, again=work.resumed and number == first)


def _step(driver: "Driver", statement: Statement, work: Work, number: int, *, again: bool) -> None:
    done = work.entry.changed(step=number)
    try:
        with driver.transaction():
            driver.connection.execute(statement.text.encode())
            driver.write(done, work.entry)
    except (errors.ActiveSqlTransaction, errors.InvalidTransactionTermination):
        if not (again and _is_done(driver, statement)):
            with _patience_for_locks(driver):
                driver.connection.execute(statement.text.encode())
        driver.write(done, work.entry)
    work.entry = done


@contextmanager
def _patience_for_locks(driver: "Driver") -> Iterator[None]:
    """What is outside a transaction waits for others' transactions and holds nobody up; the statement's timeout ends it."""
    if driver.connection.execute("SHOW lock_timeout").fetchone() != (LOCK_TIMEOUT,):
        # The file has its own.
        yield
        return
    driver.connection.execute("SET lock_timeout = 0")
    try:
        yield
    finally:
        if not driver.connection.broken:
            driver.connection.execute("RESET lock_timeout")


def _is_done(driver: "Driver", statement: Statement) -> bool:
    """Whether an earlier run built or dropped this statement's index; one that it left invalid is dropped."""
    if dropped := _DROPPED.match(statement.bare):
        return driver.connection.execute(_EXISTS, [dropped["name"]]).fetchone() == (False,)
    index = _INDEX.match(statement.bare)
    if index is None:
        return False
    name = index["name"][1:-1] if index["name"].startswith('"') else index["name"].lower()
    found = driver.connection.execute(_BUILT, [name, index["table"]]).fetchone()
    if found is None:
        return False
    valid, quoted = found
    if not valid:
        driver.connection.execute(f"DROP INDEX CONCURRENTLY {quoted}".encode())
    return bool(valid)


def describe(error: psycopg.Error, body: str) -> str:
    """Return what PostgreSQL said, with the line of the text that was sent."""
    position = error.diag.statement_position
    line = f"line {body[: int(position) - 1].count(chr(10)) + 1}: " if position and position.isdigit() else ""
    return f"{line if body else ''}{error.diag.message_primary or first_line(error)} (SQLSTATE {error.sqlstate})"

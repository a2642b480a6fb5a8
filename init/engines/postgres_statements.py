"""PostgreSQL files statement by statement: for what cannot run in a transaction, such as CREATE INDEX CONCURRENTLY.

Each statement that can, is one transaction with the record of its step, so that it is done exactly once. One that
cannot is repeated by a run that goes on, unless it is an index that is built or dropped already; one that was left
half-built is built anew.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
import sqlparse
from psycopg import errors, sql

from init.engines.base import Work, first_line
from init.migrations import Script

if TYPE_CHECKING:
    from init.engines.postgres import Driver

_CONTROL = re.compile(r"\b(BEGIN|START|COMMIT|END|ROLLBACK|ABORT|PREPARE)\b", re.IGNORECASE)
_ENDS = re.compile(
    r"(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK(?!\s+TO)|ABORT|PREPARE\s+TRANSACTION)\b", re.IGNORECASE
)
_INDEX = re.compile(
    r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>\"[^\"]+\"|\w+)\s+ON\b",
    re.IGNORECASE,
)
_DROPPED = re.compile(
    r"DROP\s+INDEX\s+CONCURRENTLY\s+(?:IF\s+EXISTS\s+)?(?P<name>(?:(?:\"[^\"]+\"|\w+)\.)?(?:\"[^\"]+\"|\w+))",
    re.IGNORECASE,
)
_UNNAMED = re.compile(r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+ON\b", re.IGNORECASE)
_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"


def statements(body: str) -> Iterator[str]:
    """Return a file's statements without the comments around them."""
    for part in sqlparse.split(body):
        bare = sqlparse.format(part, strip_comments=True).strip().rstrip(";").strip()
        if bare:
            yield part


def transaction_control(body: str) -> str | None:
    """Return the first statement that would begin or end a transaction."""
    # Most files have none of the words; parsing takes longer than running them.
    if _CONTROL.search(body) is None:
        return None
    for statement in statements(body):
        bare = sqlparse.format(statement, strip_comments=True).strip()
        if _ENDS.match(bare):
            return bare.split(";")[0]
    return None


def unnamed_index(body: str) -> str | None:
    """Return the first concurrent index without a name: a run that goes on could not tell whether it was built."""
    if _UNNAMED.search(body) is None:
        return None
    bare = (sqlparse.format(statement, strip_comments=True).strip() for statement in statements(body))
    return next((statement.rstrip(";") for statement in bare if _UNNAMED.match(statement)), None)


def run(driver: "Driver", script: Script, work: Work) -> None:
    """Run the statements after those that an earlier run finished, and record each."""
    everything = list(statements(script.body))
    # Of all that is left, an earlier run can have begun only this one.
    first = work.entry.step + 1
    for number, statement in enumerate(everything[first - 1 :], start=first):
        work.begin(f"statement {number} of {len(everything)}")
        _step(driver, statement, work, number, again=work.resumed and number == first)


def _step(driver: "Driver", statement: str, work: Work, number: int, *, again: bool) -> None:
    done = work.entry.changed(step=number)
    try:
        with driver.transaction():
            driver.connection.execute(statement.encode())
            driver.write(done, work.entry)
    except errors.ActiveSqlTransaction:
        if not (again and _is_done(driver, sqlparse.format(statement, strip_comments=True))):
            driver.connection.execute(statement.encode())
        driver.write(done, work.entry)
    work.entry = done


def _is_done(driver: "Driver", statement: str) -> bool:
    """Whether an earlier run built or dropped this statement's index; one that it left invalid is dropped."""
    if dropped := _DROPPED.match(statement.strip()):
        return driver.connection.execute(_VALID, [dropped["name"]]).fetchone() is None
    index = _INDEX.match(statement.strip())
    if index is None:
        return False
    found = driver.connection.execute(_VALID, [index["name"]]).fetchone()
    if found == (False,):
        name = index["name"].strip('"') if index["name"].startswith('"') else index["name"].lower()
        driver.connection.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(name)))
    return found == (True,)


def describe(error: psycopg.Error, body: str) -> str:
    """Return what PostgreSQL said, with the line of the file it is about."""
    position = error.diag.statement_position
    line = f"line {body[: int(position) - 1].count(chr(10)) + 1}: " if position and position.isdigit() else ""
    return f"{line}{error.diag.message_primary or first_line(error)} (SQLSTATE {error.sqlstate})"

"""CSV into a DuckDB table: one COPY in one transaction, while this process has the file's lease.

DuckDB reads from paths only: the data comes to it through a pipe.
"""

import os
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any, cast

import duckdb

from init.engines import load as load_driver
from init.engines.base import first_line
from init.loads import header
from init.protocol import Failure

_SERVICE = "duckdb"
_LEDGER = "migration_history"
_TABLES = "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND schema_name = 'main' AND table_name <> ?"
_COLUMNS = """
    SELECT column_name, NOT is_nullable AND column_default IS NULL
    FROM duckdb_columns() WHERE schema_name = 'main' AND table_name = ? ORDER BY column_index"""
_OPTIONS = (
    "FORMAT csv, AUTO_DETECT false, HEADER true, DELIMITER ',', QUOTE '\"', ESCAPE '\"', ALLOW_QUOTED_NULLS false"
)
# DuckDB's messages quote the line and the value: these are the parts that are told.
_LINE = re.compile(r"CSV Error on Line: (\d+)")
_CONVERSION = re.compile(
    r"Error when converting column \"(?P<column>[^\n]*)\"\. .*? to '(?P<type>[^'\n]*)'\n", re.DOTALL
)
_REASON = re.compile(
    r"^(Expected Number of Columns: \d+ Found: \d+|Value with unterminated quote found|Invalid unicode)", re.MULTILINE
)
_KEY = re.compile(r'Duplicate key ".*" violates', re.DOTALL)


def load(connection: Mapping[str, Any], target: str, pieces: Iterable[bytes]) -> dict[str, int]:
    """Add the rows to a table, all or none; return how many there were."""
    driver: Any = load_driver(_SERVICE)
    driver.connect({**connection, "must_exist": True, "runner": "ai-karen load"})
    try:
        opened = cast(duckdb.DuckDBPyConnection, driver._connection)
        tables = [name for (name,) in opened.execute(_TABLES, [_LEDGER]).fetchall()]
        if target not in tables:
            raise header.unknown_target(_SERVICE, "table", target, tables)
        columns, data = header.split(pieces)
        header.check(_SERVICE, target, columns, dict(opened.execute(_COLUMNS, [target]).fetchall()))
        return {"added": _copy(opened, target, columns, data)}
    finally:
        driver.close()


def _copy(connection: duckdb.DuckDBPyConnection, table: str, columns: list[str], data: Iterable[bytes]) -> int:
    """Copy from a pipe that a thread fills; a stream that broke off is known before the transaction ends."""
    reading, writing = os.pipe()
    errors: list[Exception] = []
    filler = threading.Thread(target=_fill, args=(writing, data, errors), daemon=True)
    filler.start()
    names = ", ".join(map(_quoted, columns))
    connection.begin()
    try:
        statement = f"COPY {_quoted(table)} ({names}) FROM '/dev/fd/{reading}' ({_OPTIONS})"
        answer = connection.execute(statement).fetchone()
        filler.join()
        if errors:
            raise errors[0]
        connection.commit()
    except BaseException as error:
        connection.rollback()
        if errors:
            raise errors[0] from None
        if isinstance(error, duckdb.Error):
            reason = f"duckdb: {_describe(error)}; no row was added"
            raise Failure("LoadFailed", reason, "correct the file") from None
        raise
    finally:
        # Who writes into a pipe without a reader gets an error, and ends.
        os.close(reading)
    return int(answer[0]) if answer else 0


def _fill(writing: int, data: Iterable[bytes], errors: list[Exception]) -> None:
    try:
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            for piece in data:
                view = memoryview(piece)
                while view:
                    view = view[pipe.write(view) :]
    except Exception as error:  # noqa: BLE001 - raised by the thread that copies
        errors.append(error)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _describe(error: duckdb.Error) -> str:
    """Return where the error is and what DuckDB says, without a value of the row."""
    text = str(error)
    line = _LINE.search(text)
    if line is None:
        return _KEY.sub("duplicate key violates", first_line(error))
    conversion, reason = _CONVERSION.search(text), _REASON.search(text)
    if conversion is not None:
        return f"line {line[1]}, column {conversion['column']}: not a value of type {conversion['type']}"
    return f"line {line[1]}: {reason[1] if reason else 'not CSV'}"

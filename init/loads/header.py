"""The first line of a CSV file: the columns, by name. What follows is the engine's to parse."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from init.protocol import Failure

_LONGEST = 1024 * 1024


def split(pieces: Iterable[bytes]) -> tuple[list[str], Iterator[bytes]]:
    """Return the columns, and the whole data; BadRequest without a header line."""
    rest, start = iter(pieces), b""
    while b"\n" not in start and len(start) < _LONGEST and (piece := next(rest, b"")):
        start += piece
    line, newline, _ = start.partition(b"\n")
    if not newline and len(start) >= _LONGEST:
        raise _refused("its first line does not end")
    try:
        columns = next(csv.reader([line.decode("utf-8-sig").rstrip("\r")], strict=True), [])
    except (csv.Error, UnicodeDecodeError):
        raise _refused("its first line is no list of columns in UTF-8") from None
    if not any(columns):
        raise _refused("it has no header line")
    return columns, chain([start], rest)


def check(engine: str, table: str, header: Sequence[str], columns: Mapping[str, bool]) -> None:
    """Refuse a header that does not fit a table; `columns` are those that can be filled, and whether they have to be."""
    unknown = [name for name in header if name not in columns]
    missing = [name for name, needed in columns.items() if needed and name not in header]
    twice = sorted({name for name in header if header.count(name) > 1})
    wrong = [f"{table} has no column {name!r}" for name in unknown]
    wrong += [f"the column {name!r} is missing, and it has no default" for name in missing]
    wrong += [f"the column {name!r} is there twice" for name in twice]
    if wrong:
        allowed = ", ".join(columns)
        raise Failure("BadRequest", f"{engine}: {'; '.join(wrong)}; allowed: {allowed}", "correct the header line")


def unknown_target(engine: str, kind: str, target: str, known: Sequence[str]) -> Failure:
    """Return the failure for a table, alias or collection that is not there."""
    allowed = ", ".join(sorted(known)) or "none: there is none yet"
    return Failure("BadRequest", f"{engine}: there is no {kind} {target!r}; allowed: {allowed}", "name one of these")


def _refused(reason: str) -> Failure:
    return Failure(
        "BadRequest", f"the CSV file is refused: {reason}", "begin it with the columns' names and a line end"
    )

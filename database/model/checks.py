"""What is checked before anything is sent: texts that fit their column, JSON that every engine can store, keys, times."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import NoReturn

from database.errors import BadDocument, InvalidInput, TooLarge

# https://www.postgresql.org/docs/17/datatype-json.html: a value has 255 MB at most, far above what a document should have.
_JSON_BYTES = 16 * 1024 * 1024
_TEXT_BYTES = 16 * 1024 * 1024
_BIGINT = range(-(2**63), 2**63)
MOST_PER_PAGE = 1000
# A value as JSON. Made once: `json.dumps` would make one for each value. What contains itself is a RecursionError.
json_text = json.JSONEncoder(allow_nan=False, ensure_ascii=False, check_circular=False).encode
# The end of the year 9999: what every engine can read as a date.
_LATEST = 253_402_300_799


def refuse(engine: str, operation: str, message: str, fix: str) -> NoReturn:
    """Raise InvalidInput."""
    raise InvalidInput(message, engine, operation, fix)


def identifier(value: object, name: str, *, engine: str, most: int = 64) -> str:
    """Return a name or key that is a text of 1 to `most` bytes; InvalidInput names it otherwise."""
    checked = text(value, name, engine=engine, most=most)
    if not checked:
        refuse(engine, "check", f"{name} is empty", f"give 1 to {most} bytes")
    return checked


def optional(value: object, name: str, *, engine: str, most: int = 64) -> str | None:
    """Return a text as `identifier` does, or None as it is."""
    return None if value is None else identifier(value, name, engine=engine, most=most)


def text(value: object, name: str, *, engine: str, most: int = _TEXT_BYTES) -> str:
    """Return a text of at most `most` bytes of UTF-8 without a NUL; InvalidInput or TooLarge names it otherwise."""
    if not isinstance(value, str):
        refuse(engine, "check", f"{name} is a {type(value).__name__}", "give a text")
    if "\x00" in value:
        refuse(engine, "check", f"{name} has a NUL character, which PostgreSQL cannot store", "remove it")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        refuse(
            engine, "check", f"{name} is no valid Unicode: it has a lone surrogate", "decode it again from its bytes"
        )
    if size > most:
        raise TooLarge(f"{name} has {size} bytes; allowed: {most}", engine, "check", "shorten it")
    return value


def number(value: object, name: str, *, engine: str) -> int:
    """Return a whole number of 64 bits; InvalidInput names it otherwise."""
    if not isinstance(value, int) or isinstance(value, bool) or value not in _BIGINT:
        refuse(engine, "check", f"{name} is {_shown(value)}", "give a whole number of 64 bits")
    return value


def finite(value: object, name: str, *, engine: str) -> float:
    """Return a number that is neither infinite nor none at all; InvalidInput names it otherwise."""
    try:
        checked = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        checked = math.inf
    if not math.isfinite(checked):
        refuse(engine, "check", f"{name} is {_shown(value)}", "give a finite number")
    return checked


def moment(value: object, name: str, *, engine: str) -> int:
    """Return Unix time in seconds, up to the year 9999; InvalidInput names it otherwise."""
    checked = number(value, name, engine=engine)
    if not 0 <= checked <= _LATEST:
        refuse(engine, "check", f"{name} is {checked}", f"give Unix time in seconds, 0 to {_LATEST}")
    return checked


def document(value: object, name: str, *, engine: str) -> None:
    """Check that a value is a JSON object; BadDocument or TooLarge says why it is none."""
    # A dict is asked for first: whether something is a Mapping takes five times as long to tell.
    if not isinstance(value, dict | Mapping):
        raise BadDocument(f"{name} is a {type(value).__name__}", engine, "check", "give a JSON object")
    json_value(value, name, engine=engine)


def json_value(value: object, name: str, *, engine: str) -> str:
    """Return any JSON value as text; BadDocument or TooLarge says why it cannot be stored."""
    try:
        written = json_text(value)
        size = len(written.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise BadDocument(f"{name} is not JSON: {error}", engine, "check", "give what JSON can express") from None
    if "\\u0000" in written and "\x00" in "".join(_texts(value)):
        raise BadDocument(f"{name} has a NUL character, which PostgreSQL cannot store", engine, "check", "remove it")
    if size > _JSON_BYTES:
        raise TooLarge(f"{name} has {size} bytes; allowed: {_JSON_BYTES}", engine, "check", "split it")
    return written


def one_of(value: object, name: str, allowed: Sequence[str], *, engine: str) -> str:
    """Return a value that is allowed; InvalidInput lists them otherwise."""
    if value not in allowed:
        refuse(
            engine, "check", f"{name} is {_shown(value)}; allowed: {', '.join(allowed)}", f"set {name} to one of them"
        )
    return str(value)


def limit(value: object, *, engine: str) -> int:
    """Return how many a page may have, 1 to 1000; InvalidInput otherwise."""
    checked = number(value, "limit", engine=engine)
    if not 1 <= checked <= MOST_PER_PAGE:
        refuse(
            engine, "page", f"limit is {checked}", f"ask for 1 to {MOST_PER_PAGE}, and for the next page with its token"
        )
    return checked


def _texts(value: object) -> list[str]:
    """Return every text in a JSON value, keys too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    if isinstance(value, list | tuple):
        return [text for one in value for text in _texts(one)]
    return []


def _shown(value: object) -> str:
    """Return a value short enough for a sentence."""
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."

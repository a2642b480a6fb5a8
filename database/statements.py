"""SQL put together from constants, once, when a module is loaded; values only ever travel as parameters."""

from typing import LiteralString

from psycopg.sql import SQL


def statement(text: LiteralString, **parts: LiteralString) -> bytes:
    """Return a statement with its parts in place of their names in braces."""
    return SQL(text).format(**{name: SQL(part) for name, part in parts.items()}).as_bytes(None)

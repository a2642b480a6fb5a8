"""Pages by key: the token of the next one is the key of the last row, so that rows written meanwhile move nothing."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import UnionType
from typing import Any, Generic, TypeVar, get_args
from uuid import UUID

from database.errors import InvalidInput

Item = TypeVar("Item")
_MOST = 2048


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Items in their order; `next` is the token of the page after it, None on the last one."""

    items: tuple[Item, ...]
    next: str | None = None


def page(items: Sequence[Item], limit: int, key: Callable[[Item], Sequence[Any]]) -> Page[Item]:
    """Make a page of up to `limit` items; one more than that says that there is another."""
    kept = tuple(items[:limit])
    return Page(kept, token(key(kept[-1])) if len(items) > limit else None)


def token(key: Sequence[Any]) -> str:
    """Return a key as a token: texts, whole numbers, times and UUIDs, readable by nobody but `key_of`."""
    written = json.dumps([_plain(one) for one in key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(written).decode().rstrip("=")


def key_of(token: object, kinds: Sequence[type | UnionType], *, engine: str) -> tuple[Any, ...] | None:
    """Return the key that a token stands for, None for None; of a kind `X | None` it may have NULL; InvalidInput if it is no token of such a page."""
    if token is None:
        return None
    try:
        if not isinstance(token, str) or len(token) > _MOST:
            raise TypeError
        written = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        found = json.loads(written)
        if not isinstance(found, list):
            raise ValueError
        return tuple(_parsed(one, kind) for one, kind in zip(found, kinds, strict=True))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise InvalidInput(
            "the page token is not one that this query has given",
            engine,
            "page",
            "pass `next` of the page before, or None",
        ) from None


def _plain(one: Any) -> Any:
    if isinstance(one, datetime):
        return one.isoformat()
    return str(one) if isinstance(one, UUID) else one


def _parsed(one: Any, kind: type | UnionType) -> Any:
    if isinstance(kind, UnionType):
        kind, _ = get_args(kind)
        if one is None:
            return None
    if kind is datetime:
        found = datetime.fromisoformat(one)
        if found.tzinfo is None:
            raise ValueError
        return found
    if kind is UUID and isinstance(one, str):
        return UUID(one)
    if kind is int and isinstance(one, int) and not isinstance(one, bool) and -(2**63) <= one < 2**63:
        return one
    # A lone surrogate cannot be encoded, and PostgreSQL stores no NUL.
    if kind is str and isinstance(one, str) and b"\x00" not in one.encode():
        return one
    raise ValueError

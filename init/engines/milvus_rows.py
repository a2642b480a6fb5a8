"""The rows of one collection, read in the order of the primary key, in pages.

Milvus 2.3.5 leaves rows out of a page of ordered keys where a key was inserted twice, unless it may end the page early
(`reduce_stop_for_best`); so only an empty page is the last. The client's own iterator drops the consistency level.
"""

import array
import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pymilvus import MilvusClient

Key = int | str
Row = dict[str, Any]
Content = tuple[object, ...]
STRONG = "Strong"
# What a first page has waited for, the later ones see without waiting.
LATER = "Eventually"
_REQUEST_SECONDS = 60.0
# https://milvus.io/docs/limitations.md: a query returns 100 MB at most, an insert takes 64 MB, a JSON value 65536 bytes.
_PAGE_BYTES = 48_000_000
_PAGE_ROWS = 4096
_JSON_BYTES = 65_536


class Rows:
    """Rows with the given fields. A field that the collection does not have is given its default as a row is read."""

    def __init__(
        self,
        client: MilvusClient,
        name: str,
        fields: Sequence[Mapping[str, Any]],
        *,
        has: set[str],
        left: Callable[[], float],
    ) -> None:
        """`has` names the collection's fields, `left` returns the seconds that a request may take."""
        self._client, self._name, self._left = client, name, left
        self._types = {field["name"]: field["type"] for field in fields}
        self._known = [name for name in self._types if name in has]
        self._defaults = {field["name"]: field["default"] for field in fields if field["name"] not in has}
        self._primary = next(field["name"] for field in fields if field.get("is_primary"))
        self._page = max(1, min(_PAGE_ROWS, _PAGE_BYTES // sum(_widest(field) for field in fields)))

    def key(self, row: Row) -> Key:
        """Return a row's primary key."""
        key: Key = row[self._primary]
        return key

    def content(self, row: Row) -> Content:
        """Return a row in a form that is equal only for the same bits."""
        return tuple(_exact(row[name], kind) for name, kind in self._types.items())

    def count(self) -> int:
        """Return about how many rows there are: without waiting for the latest, and with every row of a doubled key."""
        answer = self._client.query(self._name, filter="", output_fields=["count(*)"], consistency_level=LATER)
        return int(answer[0]["count(*)"])

    def pages(self, after: Key | None = None, last: Key | None = None, level: str = STRONG) -> Iterator[list[Row]]:
        """Read in the order of the key: after the one key, up to the other."""
        while True:
            bounds = [f"{self._primary} > {_literal(after)}"] if after is not None else []
            bounds += [f"{self._primary} <= {_literal(last)}"] if last is not None else []
            page = self._query(" and ".join(bounds), level, self._page)
            if not page:
                return
            yield page
            after, level = self.key(page[-1]), LATER

    def of(self, keys: Sequence[Key]) -> list[Row]:
        """Read the rows of these keys."""
        condition = f"{self._primary} in [{', '.join(_literal(key) for key in keys)}]"
        return self._query(condition, STRONG, len(keys)) if keys else []

    def insert(self, rows: list[Row]) -> None:
        """Add rows whose keys are not there."""
        if rows:
            self._client.insert(self._name, rows, timeout=self._seconds())

    def upsert(self, rows: list[Row]) -> None:
        """Write rows, over what has their keys."""
        if rows:
            self._client.upsert(self._name, rows, timeout=self._seconds())

    def delete(self, keys: list[Key]) -> None:
        """Remove rows."""
        if keys:
            self._client.delete(self._name, ids=keys, timeout=self._seconds())

    def _query(self, condition: str, level: str, limit: int) -> list[Row]:
        rows: list[Row] = self._client.query(
            self._name,
            filter=condition,
            output_fields=self._known,
            limit=limit,
            consistency_level=level,
            reduce_stop_for_best=True,
            timeout=self._seconds(),
        )
        return sorted(({**self._defaults, **row} for row in rows), key=self.key)

    def _seconds(self) -> float:
        return min(_REQUEST_SECONDS, self._left())


def _widest(field: Mapping[str, Any]) -> int:
    """Return how many bytes a value may have."""
    return int(field.get("max_length", 0) or 4 * field.get("dim", 0) or (_JSON_BYTES if field["type"] == "JSON" else 8))


def _exact(value: Any, kind: str) -> object:
    if kind == "FLOAT_VECTOR":
        return array.array("f", value).tobytes()
    if kind in ("FLOAT", "DOUBLE"):
        return struct.pack("f" if kind == "FLOAT" else "d", value)
    return json.dumps(value, sort_keys=True) if kind == "JSON" else str(value)


def _literal(key: Key) -> str:
    """Return a key as Milvus reads it: with the escapes of JSON, but not those of surrogates."""
    return json.dumps(key, ensure_ascii=False)

"""Milvus' vectors of memories, behind the alias `memory_embeddings`, whose primary key is `vector_id`."""

import json
import logging
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from pymilvus import DataType, MilvusClient

from backup.reconcile.model import REPEATED, Embeddings, Memory, Mended, Side
from init.engines import milvus_access
from init.engines import milvus_collections as collections
from init.engines.base import retry
from init.engines.milvus_rows import Key, Row, Rows
from init.protocol import Failure

ALIAS = "memory_embeddings"
KEY = "vector_id"
_TIMEOUT_SECONDS = 60.0
_FIX = "look at the Milvus container's log"


class Vectors(Side):
    """The vectors, through pymilvus."""

    engine = "milvus"

    def __init__(self, connection: Mapping[str, Any]) -> None:
        """Connect; Failure `NotInitialized` without the collection, or where it is keyed otherwise."""
        # It would log every error that is raised, with a traceback.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        self._client: MilvusClient = self._patiently(
            lambda: milvus_access.connect({**connection, "must_exist": True}, timeout=_TIMEOUT_SECONDS)
        )
        facts = collections.holder(self._patiently(lambda: collections.survey(self._client)), ALIAS)
        if facts is None or facts.primary["name"] != KEY:
            self.close()
            message = f"milvus: there is no {ALIAS} with the key {KEY}"
            raise Failure("NotInitialized", message, "./karen migrate up milvus")
        self._fields = [_field(one) for one in facts.fields]
        names = {field["name"] for field in self._fields}
        self._repeated = [field for field in self._fields if field["name"] in REPEATED]
        self._vector = next(field for field in self._fields if field["type"] == "FLOAT_VECTOR")
        scalars = [field for field in self._fields if field["name"] == KEY] + self._repeated
        self._scalars = Rows(self._client, ALIAS, scalars, has=names, left=lambda: _TIMEOUT_SECONDS)
        self._whole = Rows(self._client, ALIAS, self._fields, has=names, left=lambda: _TIMEOUT_SECONDS)

    def held(self) -> Generator[tuple[int, Row]]:
        """Yield every row without its vector."""
        for page in self._scalars.pages():
            for row in page:
                yield int(row[KEY]), row

    def agrees(self, memory: Memory, one: Row) -> bool:
        """Whether the fields say what the row says. Milvus has no NULL: an empty text and 0 stand for it."""
        wanted = self._wanted(memory)
        return all(one[name] == value for name, value in wanted.items())

    def mend(self, keys: Sequence[int], memories: Mapping[int, Memory], embeddings: Embeddings) -> Mended:
        """Delete vectors, bring the fields beside one up to date, write one that the row holds."""
        mended, held = Mended(), dict[int, Row]()
        # Of a key that was inserted twice, writing it once more leaves one.
        twice: set[int] = set()
        for row in self._whole.of(keys):
            if int(row[KEY]) in held:
                twice.add(int(row[KEY]))
            held[int(row[KEY])] = row
        gone: list[Key] = [key for key in held if key not in memories]
        numbers = self._usable([key for key in memories if key not in held], embeddings)
        rows = []
        for key, memory in memories.items():
            old, wanted = held.get(key), self._wanted(memory)
            if old is None and key not in numbers:
                continue
            if old is not None and key not in twice and self.agrees(memory, old):
                continue
            if reason := self._refused(wanted):
                mended.refused[key] = reason
            elif old is not None:
                rows.append({**old, **wanted})
                mended.updated += 1
            else:
                rows.append({**self._new(key, numbers[key]), **wanted})
                mended.written += 1
        self._whole.upsert([_sent(row, self._fields) for row in rows])
        self._whole.delete(gone)
        mended.deleted = len(gone)
        return mended

    def hopeless(self, keys: Sequence[int], embeddings: Embeddings) -> list[int]:
        """Return the keys whose vectors have to be made again from their texts."""
        usable = self._usable(keys, embeddings)
        return [key for key in keys if key not in usable]

    def unkeyed(self) -> int:
        """Return 0: a primary key cannot be left out."""
        return 0

    def explain(self, error: Exception) -> str | None:
        """Return the server's reason, or the transport's."""
        return collections.describe(error) if isinstance(error, collections.ERRORS) else None

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _wanted(self, memory: Memory) -> dict[str, Any]:
        empty = {"VARCHAR": "", "INT64": 0}
        found = {field["name"]: getattr(memory, field["name"]) for field in self._repeated}
        return {
            field["name"]: empty[field["type"]] if found[field["name"]] is None else found[field["name"]]
            for field in self._repeated
        }

    def _refused(self, wanted: Mapping[str, Any]) -> str:
        """Return why the fields cannot be written, "" if they can."""
        for field in self._repeated:
            most, value = field.get("max_length"), wanted[field["name"]]
            if most is not None and len(str(value).encode()) > int(most):
                return f"{field['name']} is longer than the {most} bytes that Milvus keeps of it"
        return ""

    def _new(self, key: int, numbers: Sequence[float]) -> Row:
        return {KEY: key, self._vector["name"]: list(numbers), **{name: {} for name in self._documents}}

    @property
    def _documents(self) -> list[str]:
        return [field["name"] for field in self._fields if field["type"] == "JSON"]

    def _usable(self, keys: Sequence[int], embeddings: Embeddings) -> dict[int, list[float]]:
        """Return the embeddings that fit, unless the collection has a field about which no row says anything."""
        known = {KEY, self._vector["name"], *self._documents, *(field["name"] for field in self._repeated)}
        if not keys or any(field["name"] not in known for field in self._fields):
            return {}
        dimension = int(self._vector["dim"])
        return {key: numbers for key, numbers in embeddings(keys).items() if len(numbers) == dimension}

    def _patiently(self, attempt: Any) -> Any:
        return retry(attempt, engine=self.engine, transient=collections.is_transient, fix=_FIX)


def _field(described: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": described["name"],
        "type": DataType(described["type"]).name,
        "is_primary": bool(described.get("is_primary")),
        **described.get("params", {}),
    }


def _sent(row: Row, fields: Sequence[Mapping[str, Any]]) -> Row:
    """Return a row as the client takes it: a text in a JSON field would be read as JSON."""
    texts = {
        field["name"]: json.dumps(row[field["name"]])
        for field in fields
        if field["type"] == "JSON" and isinstance(row[field["name"]], str)
    }
    return {**row, **texts}

"""NDJSON into an Elasticsearch index or alias by bulk requests: one document a line, `_id` in it where it has one.

Not atomic: every request stands for itself, and a failure says how many documents are in. A document with an `_id` takes
the place of the one that has it, so that such a file can be loaded again.
"""

import json
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from elastic_transport import ApiError, TransportError
from elasticsearch import Elasticsearch

from init import transport
from init.engines.base import first_line, required
from init.loads import header
from init.protocol import Failure

_SERVICE = "elasticsearch"
# Found by measurement: smaller requests are slower, larger ones no faster. The second is there when the first is done.
_REQUEST_BYTES = 4 * 1024 * 1024
_PARALLEL = 2
_REQUEST_SECONDS = 120
# A request may have 100 MiB: https://www.elastic.co/docs/reference/elasticsearch/configuration-reference/networking-settings
_LONGEST_LINE_BYTES = 32 * 1024 * 1024
_BUSY, _CREATED = 429, 201
_PAUSES_SECONDS = (0.5, 1, 2, 4, 8)
_FIELDS = "errors,items.*.status,items.*.error.type,items.*.error.reason"
_NEW = b'{"index":{}}'
_INTERNAL = (".", "ai_karen_migrations")
_FIX = "correct the file and load what is missing; a file with _id in every document can be loaded again as a whole"


@dataclass
class _Batch:
    """One request: its documents with their actions, and where in the file each is."""

    lines: list[int] = field(default_factory=list)
    operations: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, number: int, action: bytes, document: bytes) -> None:
        self.lines.append(number)
        self.operations += (action, document)
        self.size += len(action) + len(document)


@dataclass(frozen=True)
class _Result:
    """What became of a batch's documents; `refused` is the first one's line and reason."""

    counts: Counter[str]
    refused: tuple[int, str] | None


def load(connection: Mapping[str, Any], target: str, pieces: Iterable[bytes]) -> dict[str, int]:
    """Add the documents to an index or alias; return how many were added, and how many were replaced."""
    client = Elasticsearch(
        required(connection, "url", str),
        basic_auth=(required(connection, "user", str), required(connection, "password", str)),
        request_timeout=_REQUEST_SECONDS,
        max_retries=0,
        **transport.elasticsearch(connection),
    )
    with client:
        _check(client, target)
        counts, problem = _load(client, target, pieces)
    if problem is not None:
        told = f"{counts['added'] + counts['replaced']} documents are in, {counts['refused']} were refused"
        raise Failure("LoadFailed", f"elasticsearch: {problem}; {told}, the rest was not loaded", _FIX)
    return {"added": counts["added"], "replaced": counts["replaced"]}


def _check(client: Elasticsearch, target: str) -> None:
    try:
        found = client.indices.get_alias()
    except (ApiError, TransportError) as error:
        raise Failure("ConnectionFailed", f"elasticsearch: {first_line(error)}", "./karen health") from None
    known = {
        name for index, facts in found.items() for name in (index, *facts["aliases"]) if not name.startswith(_INTERNAL)
    }
    if target not in known:
        raise header.unknown_target(_SERVICE, "index or alias", target, sorted(known))


def _load(client: Elasticsearch, target: str, pieces: Iterable[bytes]) -> tuple[Counter[str], str | None]:
    """Send batches, a few at a time, until one is refused; return the counts, and what stopped it."""
    counts: Counter[str] = Counter()
    problem: str | None = None
    running: deque[Future[_Result]] = deque()

    def settle() -> None:
        nonlocal problem
        try:
            result = running.popleft().result()
        except (ApiError, TransportError) as error:
            problem = problem or first_line(error)
            return
        counts.update(result.counts)
        if result.refused is not None:
            problem = problem or "line {}: {}".format(*result.refused)

    with ThreadPoolExecutor(_PARALLEL) as pool:
        try:
            for batch in _batches(pieces):
                if len(running) == _PARALLEL:
                    settle()
                if problem is not None:
                    break
                running.append(pool.submit(_send, client, target, batch))
        except _BadLine as error:
            problem = str(error)
        while running:
            settle()
    return counts, problem


def _send(client: Elasticsearch, target: str, batch: _Batch) -> _Result:
    """Send a batch; what a busy server turned away is sent again after a pause."""
    counts: Counter[str] = Counter()
    refused: tuple[int, str] | None = None
    lines, operations = batch.lines, batch.operations
    for pause in (*_PAUSES_SECONDS, None):
        items = _request(client, target, operations)
        busy = []
        for at, item in enumerate(items):
            if item["status"] == _BUSY and pause is not None:
                busy.append(at)
            elif "error" in item:
                counts["refused"] += 1
                refused = refused or (lines[at], _describe(item["error"]))
            else:
                counts["added" if item["status"] == _CREATED else "replaced"] += 1
        if not busy or pause is None:
            break
        lines = [lines[at] for at in busy]
        operations = [part for at in busy for part in operations[2 * at : 2 * at + 2]]
        time.sleep(pause)
    return _Result(counts, refused)


def _request(client: Elasticsearch, target: str, operations: Sequence[bytes]) -> list[dict[str, Any]]:
    body = b"\n".join((*operations, b""))
    # A document that is refused must not be in the reason.
    options = {"index": target, "operations": body, "filter_path": _FIELDS, "include_source_on_error": False}
    try:
        answer = client.bulk(**options)  # type: ignore[arg-type]
    except ApiError as error:
        if error.meta.status != _BUSY:
            raise
        return [{"status": _BUSY, "error": {"reason": first_line(error)}}] * (len(operations) // 2)
    return [item["index"] for item in answer["items"]]


def _batches(pieces: Iterable[bytes]) -> Iterator[_Batch]:
    batch = _Batch()
    for number, line in _lines(pieces):
        # Documents are not parsed for nothing: the server does that.
        batch.add(number, *(_with_identifier(number, line) if b'"_id"' in line else (_NEW, line)))
        if batch.size >= _REQUEST_BYTES:
            yield batch
            batch = _Batch()
    if batch.lines:
        yield batch


def _lines(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Return the lines that are not empty, with their numbers."""
    number, rest = 0, b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            number += 1
            if bare := line.strip():
                yield number, bare
        if len(rest) > _LONGEST_LINE_BYTES:
            raise _BadLine(f"line {number + 1}: longer than {_LONGEST_LINE_BYTES} bytes")
    if bare := rest.strip():
        yield number + 1, bare


def _with_identifier(number: int, line: bytes) -> tuple[bytes, bytes]:
    """Return the action and the document of a line, which may have the key only further down."""
    try:
        document = json.loads(line)
    except ValueError:
        raise _BadLine(f"line {number}: not JSON") from None
    if not isinstance(document, dict) or "_id" not in document:
        return _NEW, line
    identifier = document.pop("_id")
    if not isinstance(identifier, str | int):
        raise _BadLine(f"line {number}: _id is a {type(identifier).__name__}; allowed: text or a whole number")
    action = json.dumps({"index": {"_id": str(identifier)}})
    return action.encode(), json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _describe(error: Mapping[str, Any]) -> str:
    # What follows names a document that is not there, and quotes the value.
    return str(error["reason"]).partition(" in document with id")[0].partition(" Preview of field")[0]


class _BadLine(Exception):
    """A line that is no document; the message says where."""

"""Every document of an index at one moment, summed in bounded memory, whatever their sizes.

A document's hash is of its `_id`, its `_routing` and its `_source` as canonical JSON (sorted keys). One of more than two
megabytes is hashed as the server sends it, in which nothing changes while it lies in the same segments, as after a restore.
Of an index without `_source` only identifiers and routings are summed; a synthetic `_source` is summed as it is made.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from urllib3.response import BaseHTTPResponse

from backup.engines.elasticsearch_server import Server, explained

_KEEP_ALIVE = "10m"
_FIRST_PAGE, _LARGEST_PAGE = 100, 1000
# A parsed page takes many times its bytes; what is larger comes in smaller pages.
_PAGE_BYTES = 4 << 20
_LARGE_BYTES = 2 << 20
# A document whose canonical form is shorter is never a large one as the server sends it.
_CERTAINLY_SMALL_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 16
_HASH_BYTES = 8
_LONGEST_INTEGER = 4000
_CIRCUIT_BROKEN = 429

Report = Callable[[int], None]


@dataclass(frozen=True)
class Sum:
    """How many documents there are, and the sum of their hashes."""

    documents: int
    total: int


class _TooLarge(Exception):
    """An answer has more bytes than are to be held at once."""


def summed(server: Server, index: str, report: Report, opened: Callable[[], bool] = lambda: True) -> Sum | None:
    """Sum an index as it is now; None if `opened`, which is asked once the moment is fixed, says that it is of no use."""
    server.client.indices.refresh(index=index, expand_wildcards="all")
    point = server.client.open_point_in_time(index=index, keep_alive=_KEEP_ALIVE, expand_wildcards="all")["id"]
    try:
        if not opened():
            return None
        documents = total = 0
        for one in _Reader(server, point).hashes():
            documents, total = documents + 1, total + one
            report(1)
        return Sum(documents, total)
    finally:
        server.client.options(ignore_status=404).close_point_in_time(id=point)


class _Reader:
    """Pages over one point in time, each as large as memory allows."""

    def __init__(self, server: Server, point: str) -> None:
        self._server, self._point = server, point
        self._size = _FIRST_PAGE

    def hashes(self) -> Iterator[int]:
        """Yield a number for each document."""
        after: Sequence[Any] | None = None
        while True:
            hits = self._page(after)
            if not hits:
                return
            for hit in hits:
                if "_source" in hit or "without" not in hit:
                    text = _canonical(hit, hit.get("_source"))
                    yield _number(text) if len(text) <= _CERTAINLY_SMALL_BYTES else self._alone(hit, after)
                else:
                    yield self._alone(hit, after)
                after = hit["sort"]

    def _page(self, after: Sequence[Any] | None) -> list[dict[str, Any]]:
        """Return the next hits; a single one that is too large comes without its source, and says so."""
        while True:
            try:
                body = self._read(self._search(after, self._size))
            except _TooLarge:
                if self._size == 1:
                    hits = _hits(self._read(self._search(after, 1, source=False)))
                    return [{**hit, "without": True} for hit in hits]
                self._size = max(1, self._size // 4)
                continue
            if len(body) < _PAGE_BYTES // 4:
                self._size = min(2 * self._size, _LARGEST_PAGE)
            return _hits(body)

    def _alone(self, hit: dict[str, Any], after: Sequence[Any] | None) -> int:
        """Return the number of one document, which follows `after`, from its bytes as they come."""
        answer = self._search(after, 1, filter_path="hits.hits._source")
        hashed = hashlib.blake2b(_canonical(hit, None), digest_size=_HASH_BYTES)
        start = bytearray()
        length = 0
        try:
            for chunk in answer.stream(_CHUNK_BYTES):
                hashed.update(chunk)
                length += len(chunk)
                if length <= _LARGE_BYTES:
                    start += chunk
        finally:
            answer.release_conn()
        if length <= _LARGE_BYTES:
            return _number(_canonical(hit, _hits(bytes(start))[0]["_source"]))
        return int.from_bytes(hashed.digest(), "big")

    def _search(
        self, after: Sequence[Any] | None, size: int, *, source: bool = True, filter_path: str = ""
    ) -> BaseHTTPResponse:
        request: dict[str, Any] = {
            "pit": {"id": self._point, "keep_alive": _KEEP_ALIVE},
            "size": size,
            "sort": ["_shard_doc"],
            "track_total_hits": False,
            # Vectors are left out of what is asked for otherwise.
            "_source": {"exclude_vectors": False} if source else False,
        }
        if after:
            request["search_after"] = list(after)
        address = "/_search?allow_partial_search_results=false"
        answer = self._server.pool.request(
            "POST",
            f"{address}&filter_path={filter_path}" if filter_path else address,
            body=json.dumps(request),
            headers={**self._server.pool.headers, "Content-Type": "application/json"},
            preload_content=False,
        )
        if answer.status == _CIRCUIT_BROKEN and size > 1:
            answer.drain_conn()
            answer.release_conn()
            raise _TooLarge
        if answer.status != 200:
            raise explained(f"a page of documents was refused: {answer.data[:500].decode(errors='replace')}")
        return answer

    @staticmethod
    def _read(answer: BaseHTTPResponse) -> bytes:
        body = bytearray()
        for chunk in answer.stream(_CHUNK_BYTES):
            body += chunk
            if len(body) > _PAGE_BYTES:
                answer.close()
                raise _TooLarge
        answer.release_conn()
        return bytes(body)


def _hits(body: bytes) -> list[dict[str, Any]]:
    try:
        found = json.loads(body)
    except ValueError:
        # Longer integers are refused by the parser; they are told as text then.
        found = json.loads(
            body, parse_int=lambda text: int(text) if len(text) < _LONGEST_INTEGER else f"integer {text}"
        )
    hits: list[dict[str, Any]] = found["hits"]["hits"]
    return hits


def _canonical(hit: dict[str, Any], source: object) -> bytes:
    told = [hit["_id"], hit.get("_routing"), source]
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def _number(text: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text, digest_size=_HASH_BYTES).digest(), "big")

"""One index copied into another: writes are blocked, the server copies, and what arrived is compared."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from elastic_transport import ApiError, TransportError
from elasticsearch import Elasticsearch

from init.engines import elasticsearch_indices as indices
from init.engines.base import Work
from init.engines.elasticsearch_script import Definition

_DEFAULT_SECONDS = 600.0
_LEAST_REQUEST_SECONDS = 30.0
_PAGE = 1000
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 1.0
_PAUSE_GROWTH = 1.25
# A vector comes back from a normalized one and its length, both in 32 bits: the last bits differ between two copies.
_VECTOR_TOLERANCE = 1e-6


class Refused(Exception):
    """A change that cannot be made as things are, with the reason."""


class Copy:
    """The new index of one definition, filled from the one it replaces; every step may be done again."""

    def __init__(self, client: Elasticsearch, definition: Definition, work: Work, seconds: float | None) -> None:
        self._seconds = seconds or _DEFAULT_SECONDS
        self._client = client
        # Requests that wait for all writes in flight, or for all of an index.
        self._patient = client.options(request_timeout=max(self._seconds, _LEAST_REQUEST_SECONDS))
        self._work = work
        self._new, self._old, self._definition = definition.index, definition.replaces, definition
        self._deadline = 0.0
        self._asked = 0.0

    def fill(self) -> None:
        """Make the new index, without its alias, and give it the documents of the old one; Refused if they do not fit."""
        self._deadline = time.monotonic() + self._seconds
        self._work.begin(f"make room for {self._new}")
        delete(self._client, self._new)
        self._work.begin(f"create {self._new}")
        self._client.indices.create(
            index=self._new,
            settings=self._definition.settings,
            mappings={**self._definition.mappings, "_meta": self._work.made_by},
        )
        self._work.begin(f"block writes to {self._old}, readers are served")
        self._patient.indices.add_block(index=self._old, block="write")
        # The copy is a search: it sees what was refreshed.
        self._patient.indices.refresh(index=self._old)
        self._reindex()
        self._patient.indices.refresh(index=self._new)
        self._compare()

    def undo(self) -> None:
        """Remove the new index, if it serves nobody, and let the old one take writes again."""
        self._work.begin(f"put {self._old} back as it was")
        new = indices.read(self._client, [self._new]).get(self._new)
        if new and not new.aliases and new.made_by == self._work.entry.name:
            delete(self._client, self._new)
        self._client.indices.remove_block(index=self._old, block="write")

    def _reindex(self) -> None:
        self._work.begin(f"copy {self._old} to {self._new}")
        script = self._definition.script
        task = self._client.reindex(
            source={"index": self._old},
            # A task that nobody waits for any more never overwrites a document.
            dest={"index": self._new, "op_type": "create"},
            script={"lang": "painless", "source": script} if script else None,
            wait_for_completion=False,
        )["task"]
        try:
            result = self._wait(task)
        except BaseException:
            cancel(self._client, task)
            raise
        if "error" in result:
            raise Refused(f"the copy failed: {indices.reason_of(result['error'])}")
        response = result["response"]
        if response["failures"]:
            first = response["failures"][0]
            raise Refused(f"document {first.get('id')} does not fit {self._new}: {indices.reason_of(first['cause'])}")
        if response.get("canceled"):
            raise Refused(f"the copy was cancelled {response['canceled']}")

    def _wait(self, task: str) -> Mapping[str, Any]:
        """Return the finished task, asking for leave each time it is looked at."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            found: Mapping[str, Any] = self._client.perform_request("GET", f"/_tasks/{task}").body
            if found["completed"]:
                return found
            status = found["task"]["status"]
            self._in_time(f"copied {status['created']} of {status['total']} documents")
            time.sleep(pause)
            pause = min(_PAUSE_GROWTH * pause, _LONGEST_PAUSE_SECONDS)

    def _compare(self) -> None:
        """Refuse a copy that does not hold the same documents: the same identifiers, and unless a script ran, contents."""
        old, new = (self._client.count(index=name)["count"] for name in (self._old, self._new))
        if old != new:
            raise Refused(f"{self._old} holds {old} documents, its copy {new}")
        self._work.begin(f"compare {old} documents")
        point = self._client.open_point_in_time(index=self._old, keep_alive="5m")["id"]
        try:
            self._compare_pages(point, old, self._vectors())
        finally:
            self._client.close_point_in_time(id=point)

    def _compare_pages(self, point: str, total: int, vectors: set[str]) -> None:
        source: Any = False if self._definition.script else {"exclude_vectors": False}
        after: Sequence[Any] | None = None
        compared = 0
        while hits := self._client.search(
            pit={"id": point, "keep_alive": "5m"},
            size=_PAGE,
            source=source,
            sort=["_shard_doc"],
            search_after=after,
            track_total_hits=False,
        )["hits"]["hits"]:
            query = {"ids": {"values": [hit["_id"] for hit in hits]}}
            answer = self._client.search(index=self._new, size=_PAGE, source=source, query=query)
            copies = {_key(hit): hit.get("_source") for hit in answer["hits"]["hits"]}
            for hit in hits:
                if _key(hit) not in copies:
                    raise Refused(f"document {hit['_id']} is missing in {self._new}")
                if not alike(hit.get("_source"), copies[_key(hit)], vectors):
                    raise Refused(f"document {hit['_id']} is another one in {self._new}")
            compared, after = compared + len(hits), hits[-1]["sort"]
            if time.monotonic() - self._asked > _LONGEST_PAUSE_SECONDS:
                self._in_time(f"compared {compared} of {total} documents")

    def _vectors(self) -> set[str]:
        """Return the paths of the vectors in either index."""
        found = indices.read(self._client, [self._old, self._new]).values()
        return {
            path
            for index in found
            for path, definition in indices.fields(index.mappings.get("properties", {}))
            if definition.get("type") == "dense_vector"
        }

    def _in_time(self, progress: str) -> None:
        """Ask for leave to go on; Refused when the time is up."""
        self._asked = time.monotonic()
        self._work.begin(progress)
        if self._asked > self._deadline:
            raise Refused(f"not done after {self._seconds:g} s ({progress}); allowed: a longer timeout in the file")


def delete(client: Elasticsearch, name: str) -> None:
    """Delete an index if it is there, ending first what a runner that was cut off still copies into it."""
    tasks = client.perform_request(
        "GET", "/_tasks", params={"actions": "*reindex", "detailed": "true", "group_by": "none"}
    ).body["tasks"]
    for task in tasks:
        # A copy would make the index again.
        if task["description"].endswith(f" to [{name}]"):
            cancel(client, f"{task['node']}:{task['id']}")
    if name in indices.read(client, [name]):
        client.indices.delete(index=name)


def cancel(client: Elasticsearch, task: str) -> None:
    """End a task and wait for its end; one that has ended is no error, nor is a server that cannot be asked any more."""
    try:
        client.options(ignore_status=404).perform_request(
            "POST", f"/_tasks/{task}/_cancel", params={"wait_for_completion": "true"}
        )
    except (ApiError, TransportError):
        return


def alike(old: object, new: object, vectors: set[str], path: str = "") -> bool:
    """Whether two documents are the same; the numbers of a vector may differ in their last bits."""
    if old == new:
        return True
    if isinstance(old, dict) and isinstance(new, dict):
        prefix = f"{path}." if path else ""
        return old.keys() == new.keys() and all(alike(old[key], new[key], vectors, f"{prefix}{key}") for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(
            alike(one, other, vectors, path) for one, other in zip(old, new, strict=True)
        )
    is_number = isinstance(old, int | float) and isinstance(new, int | float)
    return is_number and path in vectors and math.isclose(old, new, rel_tol=_VECTOR_TOLERANCE)  # type: ignore[arg-type]


def _key(hit: Mapping[str, Any]) -> tuple[str, str]:
    """Return what tells a document from others: with a routing of its own, the same identifier may be there twice."""
    return hit["_id"], hit.get("_routing", "")

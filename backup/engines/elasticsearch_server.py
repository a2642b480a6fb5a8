"""A connection to Elasticsearch for backups: what belongs to a set, how far its shards are, and what hinders."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from elastic_transport import ApiError, TransportError
from elasticsearch import Elasticsearch

from init import transport
from init.engines.base import required
from init.engines.elasticsearch import Driver
from init.engines.elasticsearch_indices import describe
from init.migrations import schema_version
from init.protocol import Failure

SERVICE = "elasticsearch"
# Indices that jobs make for a while; never part of a set.
CHECKING, RESTORING = "karen-check-", "karen-restoring-"
_TEMPORARY = (CHECKING, RESTORING)
# The server keeps books about itself in streams that it does not call its own.
_BOOKS = (".", "ilm-history-")
_REQUEST_SECONDS = 600
_BLOCK = "index.blocks."
_FLOODED = f"{_BLOCK}read_only_allow_delete"
_AGAIN = "run the same command again"
_ROOM = "make room on the machine's disk, then run the same command again"

# An index' identity with, for each primary shard, how many operations it has seen; None where some are under way.
Position = tuple[str, tuple[tuple[str, int], ...]] | None


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What belongs to a set: `indices` with those of data streams, `streams` by name, and what cannot be searched."""

    indices: tuple[str, ...]
    streams: tuple[str, ...]
    closed: frozenset[str]
    unreadable: frozenset[str]
    # The blocks that are set, by index: flat names to values.
    blocks: Mapping[str, Mapping[str, str]]
    of_streams: frozenset[str]

    @property
    def named(self) -> list[str]:
        """Return what to ask for: streams, and the indices that are part of none."""
        return [*self.streams, *(name for name in self.indices if name not in self.of_streams)]


@dataclass(frozen=True, kw_only=True)
class Server:
    """An open connection. `staging` is where this job sees the server's directory `repository`."""

    client: Elasticsearch
    pool: urllib3.HTTPConnectionPool
    version: str
    schema: str
    staging: Path
    repository: str

    def contents(self) -> Contents:
        """Return what belongs to a set now: everything but the server's own indices and books, and what jobs have made."""
        answer = self.client.indices.resolve_index(name="*", expand_wildcards="all").body
        found = [one for one in answer["indices"] if _is_ours(one)]
        names = {one["name"] for one in found}
        blocks = {name: facts for name, facts in self._blocks().items() if name in names}
        closed = {one["name"] for one in found if "closed" in one["attributes"]}
        hidden = {name for name, set_ in blocks.items() if set_.get(f"{_BLOCK}read") == "true"}
        return Contents(
            indices=tuple(sorted(names)),
            streams=tuple(sorted({one["data_stream"] for one in found if "data_stream" in one})),
            closed=frozenset(closed),
            unreadable=frozenset(closed | hidden),
            blocks=blocks,
            of_streams=frozenset(one["name"] for one in found if "data_stream" in one),
        )

    def aliases(self) -> dict[str, Any]:
        """Return the aliases of every index that has one, with their filters and what they write to."""
        answer = self.client.indices.get_alias(index="*", expand_wildcards="all").body
        return {name: facts["aliases"] for name, facts in answer.items() if facts["aliases"] and name[0] != "."}

    def positions(self) -> dict[str, Position]:
        """Return how far every open index is."""
        answer = self.client.perform_request(
            "GET",
            "/_stats/docs",
            params={
                "level": "shards",
                "expand_wildcards": "open,hidden",
                "filter_path": "indices.*.uuid,indices.*.shards.*.seq_no,indices.*.shards.*.routing.primary",
            },
            headers={"accept": "application/json"},
        ).body
        return {name: _position(facts) for name, facts in answer.get("indices", {}).items()}

    def check_healthy(self, contents: Contents) -> None:
        """Raise NotHealthy for an index that is not whole, and DiskFull where the server refuses writes for want of room."""
        for name, blocks in contents.blocks.items():
            if blocks.get(_FLOODED) == "true":
                message = (
                    f"{SERVICE}: {name} takes no more writes, as the server's disk is above its flood-stage watermark"
                )
                raise Failure("DiskFull", message, _ROOM)
        states = self.client.cluster.health(level="indices", expand_wildcards="all")["indices"]
        for name in contents.indices:
            if states.get(name, {}).get("status") == "red":
                message = f"{SERVICE}: {name} is not whole: a primary shard is missing (red); allowed: yellow or green"
                raise Failure("NotHealthy", message, "see GET _cluster/allocation/explain for the cause")

    def sweep(self, prefix: str) -> None:
        """Delete the indices whose names begin so."""
        answer = self.client.indices.resolve_index(name=f"{prefix}*", expand_wildcards="all")
        for one in answer["indices"]:
            self.client.options(ignore_status=404).indices.delete(index=one["name"])

    def _blocks(self) -> dict[str, dict[str, str]]:
        answer = self.client.indices.get_settings(
            index="*", expand_wildcards="all", name=f"{_BLOCK}*", flat_settings=True
        ).body
        return {name: facts["settings"] for name, facts in answer.items()}


def _is_ours(one: Mapping[str, Any]) -> bool:
    name, stream = one["name"], one.get("data_stream", "")
    if "system" in one["attributes"] or name.startswith((".security", *_TEMPORARY)):
        return False
    return not stream.startswith(_BOOKS)


def _position(facts: Mapping[str, Any]) -> Position:
    shards = []
    for number, copies in facts["shards"].items():
        for copy in copies:
            if copy["routing"]["primary"]:
                seen = copy["seq_no"]
                if seen["max_seq_no"] != seen["local_checkpoint"]:
                    return None
                shards.append((number, seen["max_seq_no"]))
    return facts["uuid"], tuple(sorted(shards))


@contextmanager
def opened(connection: Mapping[str, Any]) -> Iterator[Server]:
    """Provide a server; what the client raises becomes a Failure with the server's reason."""
    url, user, password = (required(connection, key, str) for key in ("url", "user", "password"))
    driver = Driver()
    # Its patience with a server that is starting, and with a password that is refused, are the ones of every other job.
    driver.connect(connection)
    headers = urllib3.make_headers(basic_auth=f"{user}:{password}")
    pool = urllib3.connection_from_url(
        url, headers=headers, timeout=_REQUEST_SECONDS, retries=False, **transport.urllib3(connection)
    )
    secured = transport.elasticsearch(connection)
    client = Elasticsearch(url, basic_auth=(user, password), request_timeout=_REQUEST_SECONDS, max_retries=0, **secured)
    try:
        ledger = driver.ledger()
        yield Server(
            client=client,
            pool=pool,
            version=driver.server_version(),
            schema=schema_version(ledger),
            staging=Path(required(connection, "staging", str)),
            repository=required(connection, "repository", str),
        )
    except (ApiError, TransportError) as error:
        raise explained(describe(error)) from None
    except urllib3.exceptions.HTTPError as error:
        raise explained(str(error)) from None
    finally:
        pool.close()
        client.close()
        driver.close()


def explained(reason: str, kind: str = "ConnectionFailed") -> Failure:
    """Return the failure for a reason that the server gives; a full disk is told as such."""
    if "No space left" in reason or "flood" in reason:
        return Failure("DiskFull", f"{SERVICE}: the server's disk is full: {reason}", _ROOM)
    return Failure(kind, f"{SERVICE}: {reason}", _AGAIN)

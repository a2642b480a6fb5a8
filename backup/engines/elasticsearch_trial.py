"""Restoring from a repository: an index for a while and under another name, to count and to sum it, or all for good."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from elastic_transport import ApiError

from backup.engines import elasticsearch_pages as pages
from backup.engines.elasticsearch_server import SERVICE, Server, explained
from backup.engines.elasticsearch_snapshot import SNAPSHOT

_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
# How long a shard may lie about before the server is asked why.
_EXPLAINED_AFTER_SECONDS = 5.0
# What lets everything be read and nothing be written.
READABLE = {
    "index.blocks.read_only": False,
    "index.blocks.read_only_allow_delete": False,
    "index.blocks.read": False,
    "index.blocks.metadata": False,
    "index.blocks.write": True,
}
_HIDDEN = {**READABLE, "index.hidden": True, "index.number_of_replicas": 0, "index.auto_expand_replicas": "false"}
# Nobody is to roll over, shrink or delete what is there for a while.
_WITHOUT = ["index.lifecycle.name"]

Progress = Callable[[str], None]


def summed(server: Server, repository: str, index: str, temporary: str, report: pages.Report) -> pages.Sum:
    """Restore one index of the snapshot under a temporary name, sum it, and delete it again; Failure if it cannot be read."""
    server.client.snapshot.restore(
        repository=repository,
        snapshot=SNAPSHOT,
        indices=index,
        feature_states=["none"],
        include_global_state=False,
        include_aliases=False,
        rename_pattern="^.+$",
        rename_replacement=temporary,
        index_settings=_HIDDEN,
        ignore_index_settings=_WITHOUT,
        wait_for_completion=False,
    )
    try:
        wait(server, [temporary], lambda _: report(0))
        found = pages.summed(server, temporary, report)
        assert found is not None
        return found
    finally:
        server.client.options(ignore_status=404).indices.delete(index=temporary)


def restore(server: Server, repository: str, names: Sequence[str], indices: Sequence[str], progress: Progress) -> None:
    """Restore streams and indices with their aliases under their own names, closed to writes; Failure if a shard cannot be."""
    if not names:
        return
    server.client.snapshot.restore(
        repository=repository,
        snapshot=SNAPSHOT,
        indices=list(names),
        feature_states=["none"],
        include_global_state=False,
        include_aliases=True,
        index_settings=READABLE,
        wait_for_completion=False,
    )
    wait(server, indices, progress)


def wait(server: Server, indices: Sequence[str], progress: Progress) -> None:
    """Wait until every primary shard serves. A shard that is being restored makes an index yellow, not red."""
    pause = _PAUSE_SECONDS
    told = explained_at = time.monotonic()
    while missing := _missing(server, indices):
        now = time.monotonic()
        if now - told >= _LONGEST_PAUSE_SECONDS:
            told = now
            progress(f"{SERVICE}: {len(indices) - len(missing)} of {len(indices)} indices restored")
        if now - explained_at >= _EXPLAINED_AFTER_SECONDS:
            explained_at = now
            _explain(server, missing[0])
        time.sleep(pause)
        pause = min(1.5 * pause, _LONGEST_PAUSE_SECONDS)


def _missing(server: Server, indices: Sequence[str]) -> list[str]:
    states: Mapping[str, Any] = server.client.cluster.health(level="indices", expand_wildcards="all")["indices"]
    for name in indices:
        if name not in states:
            raise explained(f"{name} was deleted while it was restored", "RestoreFailed")
    return [name for name in indices if states[name]["active_primary_shards"] < states[name]["number_of_shards"]]


def _explain(server: Server, index: str) -> None:
    """Raise RestoreFailed with the server's reason if a shard of this index will never be there."""
    shards = server.client.cat.shards(index=index, format="json", h="shard,prirep,state").body
    for shard in shards:
        if shard["prirep"] != "p" or shard["state"] != "UNASSIGNED":  # type: ignore[index]
            continue
        number = int(shard["shard"])  # type: ignore[index]
        try:
            told = server.client.cluster.allocation_explain(index=index, shard=number, primary=True).body
        except ApiError:
            # It was assigned in between.
            continue
        if told.get("can_allocate") == "no":
            raise explained(f"{index} cannot be restored: {_reason(told)}", "RestoreFailed")


def _reason(told: Mapping[str, Any]) -> str:
    details = told.get("unassigned_info", {}).get("details")
    deciders = [one for node in told.get("node_allocation_decisions", ()) for one in node.get("deciders", ())]
    refused = [one["explanation"] for one in deciders if one.get("decision") == "NO"]
    return "; ".join(text for text in (details, *refused[:1], told.get("allocate_explanation")) if text)[:800]
